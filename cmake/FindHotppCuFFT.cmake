# Target hotpp::cufft: cuFFT of the wheel `nvidia-cufft` in this Python's environment, or of the CUDA toolkit.
# CUFFT_ROOT names another place. HotppCuFFT_FOUND says whether it is there.
get_filename_component(_toolkit "${CMAKE_CUDA_COMPILER}" DIRECTORY)
set(_places ${CUFFT_ROOT} "${HOTPP_SITE_PACKAGES}/nvidia/cu13" "${HOTPP_SITE_PACKAGES}/nvidia/cufft"
  ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} "${_toolkit}/.." /usr/local/cuda)
find_path(HOTPP_CUFFT_INCLUDE cufft.h PATHS ${_places} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(HOTPP_CUFFT_LIBRARY NAMES cufft libcufft.so.12 libcufft.so.11 PATHS ${_places} PATH_SUFFIXES lib lib64
  NO_DEFAULT_PATH)
mark_as_advanced(HOTPP_CUFFT_INCLUDE HOTPP_CUFFT_LIBRARY)
if(HOTPP_CUFFT_INCLUDE AND HOTPP_CUFFT_LIBRARY)
  set(HotppCuFFT_FOUND TRUE)
  if(NOT TARGET hotpp::cufft)
    add_library(hotpp_cufft INTERFACE)
    add_library(hotpp::cufft ALIAS hotpp_cufft)
    target_include_directories(hotpp_cufft SYSTEM INTERFACE "${HOTPP_CUFFT_INCLUDE}")
    target_link_libraries(hotpp_cufft INTERFACE "${HOTPP_CUFFT_LIBRARY}")
  endif()
else()
  set(HotppCuFFT_FOUND FALSE)
endif()
