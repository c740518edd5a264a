# Target hotpp::torch: headers and libraries of the torch package of this Python. Its property HOTPP_VERSION: the version.
# Not torch's own package file: with a CUDA build of torch that one demands a CUDA toolkit, which a user
# who only wants the CPU plugin does not have.
set(_torch "${TORCH_DIR}")
if(NOT _torch)
  set(_torch "${HOTPP_SITE_PACKAGES}/torch")
endif()
if(NOT EXISTS "${_torch}/include/torch/csrc/api/include/torch/torch.h")
  message(FATAL_ERROR
    "No torch headers in '${_torch}'. Install torch into this environment first (pip install torch==2.13.0), "
    "or give its directory with -DTORCH_DIR=.")
endif()
add_library(hotpp_torch INTERFACE)
add_library(hotpp::torch ALIAS hotpp_torch)
target_include_directories(hotpp_torch SYSTEM INTERFACE
  "${_torch}/include" "${_torch}/include/torch/csrc/api/include")
target_link_libraries(hotpp_torch INTERFACE
  "${_torch}/lib/libtorch.so" "${_torch}/lib/libtorch_cpu.so" "${_torch}/lib/libc10.so")
file(STRINGS "${_torch}/version.py" _version REGEX "^__version__")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" _version "${_version}")
set_target_properties(hotpp_torch PROPERTIES HOTPP_VERSION "${_version}")
message(STATUS "torch: ${_torch} (${_version})")
