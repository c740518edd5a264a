# Target hotpp::fftw3: a library with the FFTW3 interface in float and double.
# The static MKL (wheels `mkl-static` and `mkl-include`) of this Python's environment first, then FFTW of the
# system. FFTW3API_ROOT names another place for either. Sets FFTW3API_LIBRARY_NAME to MKL or FFTW.
#
# Why not the shared MKL (libmkl_rt): libtorch_cpu exports 20 thousand symbols of an MKL of its own, of another
# version. Where both are in the global search order, as in a LAMMPS plugin, each calls into the other. The
# static one is sequential (threads are ours), and its symbols are hidden here.
set(_prefixes ${FFTW3API_ROOT} ${HOTPP_ENVIRONMENT_PREFIX})
find_path(FFTW3API_MKL_INCLUDE fftw3.h PATHS ${_prefixes} PATH_SUFFIXES include/fftw NO_DEFAULT_PATH)
set(_mkl "")
foreach(_part intel_lp64 sequential core)
  find_library(FFTW3API_MKL_${_part} libmkl_${_part}.a PATHS ${_prefixes} PATH_SUFFIXES lib NO_DEFAULT_PATH)
  mark_as_advanced(FFTW3API_MKL_${_part})
  list(APPEND _mkl "${FFTW3API_MKL_${_part}}")
endforeach()
find_path(FFTW3API_FFTW_INCLUDE fftw3.h HINTS ${FFTW3API_ROOT} PATH_SUFFIXES include)
find_library(FFTW3API_FFTW_DOUBLE fftw3 HINTS ${FFTW3API_ROOT} PATH_SUFFIXES lib)
find_library(FFTW3API_FFTW_FLOAT fftw3f HINTS ${FFTW3API_ROOT} PATH_SUFFIXES lib)
mark_as_advanced(FFTW3API_MKL_INCLUDE FFTW3API_FFTW_INCLUDE FFTW3API_FFTW_DOUBLE FFTW3API_FFTW_FLOAT)

set(_definition "")
if(FFTW3API_MKL_INCLUDE AND NOT "${_mkl}" MATCHES "NOTFOUND")
  set(FFTW3API_LIBRARY_NAME MKL)
  set(_include "${FFTW3API_MKL_INCLUDE}")
  set(_definition HOTPP_MKL)
  # one item, so that CMake keeps it together: the three archives call each other
  string(REPLACE ";" "," _group "${_mkl}")
  find_package(Threads REQUIRED)
  set(_libraries "-Wl,--start-group,${_group},--end-group" Threads::Threads m ${CMAKE_DL_LIBS}
    "-Wl,--exclude-libs,libmkl_intel_lp64.a:libmkl_sequential.a:libmkl_core.a")
elseif(FFTW3API_FFTW_INCLUDE AND FFTW3API_FFTW_DOUBLE AND FFTW3API_FFTW_FLOAT)
  set(FFTW3API_LIBRARY_NAME FFTW)
  set(_include "${FFTW3API_FFTW_INCLUDE}")
  # where it was found may be outside of the default search path (FFTW3API_ROOT)
  get_filename_component(_directory "${FFTW3API_FFTW_DOUBLE}" DIRECTORY)
  set(_libraries "${FFTW3API_FFTW_DOUBLE}" "${FFTW3API_FFTW_FLOAT}" "-Wl,-rpath,${_directory}")
else()
  message(FATAL_ERROR
    "No FFT library with the FFTW3 interface was found (looked for static MKL in '${_prefixes}' and for fftw3 and "
    "fftw3f in the system). Install one of them: `pip install mkl-static mkl-include` into this Python's "
    "environment, or `apt install libfftw3-dev`; elsewhere: -DFFTW3API_ROOT=<prefix>.")
endif()
message(STATUS "FFT: ${FFTW3API_LIBRARY_NAME} (${_include})")

set(FFTW3API_FOUND TRUE)
if(NOT TARGET hotpp::fftw3)
  add_library(hotpp_fftw3 INTERFACE)
  add_library(hotpp::fftw3 ALIAS hotpp_fftw3)
  target_include_directories(hotpp_fftw3 SYSTEM INTERFACE "${_include}")
  target_compile_definitions(hotpp_fftw3 INTERFACE ${_definition})
  target_link_libraries(hotpp_fftw3 INTERFACE ${_libraries})
endif()
