# Target hotpp::mpi_headers: mpi.h. Target hotpp::mpi: the library as well.
# The MPI of this Python's environment first (wheel `mpich`), then that of the system (find_package(MPI)).
# Libraries that a host program loads (the LAMMPS plugin) use only the headers: the host brings its MPI along,
# and a second one in the same process does not work. MPI_HEADER_DIR names the mpi.h of such a host.
set(_mpi_places ${MPI_HEADER_DIR} "${HOTPP_ENVIRONMENT_PREFIX}/include")
if(MPI_HEADER_DIR)  # not what an earlier configuration of this directory found
  unset(HOTPP_MPI_INCLUDE CACHE)
endif()
find_path(HOTPP_MPI_INCLUDE mpi.h PATHS ${_mpi_places} NO_DEFAULT_PATH)
find_library(HOTPP_MPI_LIBRARY NAMES libmpi.so.12 mpi PATHS "${HOTPP_ENVIRONMENT_PREFIX}" PATH_SUFFIXES lib
  NO_DEFAULT_PATH)
mark_as_advanced(HOTPP_MPI_INCLUDE HOTPP_MPI_LIBRARY)
set(_mpi_link "")
set(HotppMpi_FOUND FALSE)
if(HOTPP_MPI_INCLUDE)
  set(HotppMpi_FOUND TRUE)
endif()
if(HOTPP_MPI_INCLUDE AND HOTPP_MPI_LIBRARY AND NOT MPI_HEADER_DIR)
  set(_mpi_link "${HOTPP_MPI_LIBRARY}")
elseif(NOT HOTPP_MPI_INCLUDE)
  find_package(MPI QUIET COMPONENTS CXX)
  if(MPI_CXX_FOUND)
    set(HotppMpi_FOUND TRUE)
    set(HOTPP_MPI_INCLUDE ${MPI_CXX_INCLUDE_DIRS})  # empty where the compiler finds mpi.h by itself
    set(_mpi_link ${MPI_CXX_LIBRARIES})  # not the imported target: it would be known in one directory only
  endif()
endif()

if(HotppMpi_FOUND)
  if(NOT TARGET hotpp::mpi_headers)
    add_library(hotpp_mpi_headers INTERFACE)
    add_library(hotpp::mpi_headers ALIAS hotpp_mpi_headers)
    target_include_directories(hotpp_mpi_headers SYSTEM INTERFACE ${HOTPP_MPI_INCLUDE})
    # the C interface only: the C++ one of old libraries would have to be linked
    target_compile_definitions(hotpp_mpi_headers INTERFACE MPICH_SKIP_MPICXX OMPI_SKIP_MPICXX)
  endif()
  if(_mpi_link AND NOT TARGET hotpp::mpi)
    add_library(hotpp_mpi INTERFACE)
    add_library(hotpp::mpi ALIAS hotpp_mpi)
    target_link_libraries(hotpp_mpi INTERFACE hotpp_mpi_headers ${_mpi_link})
  endif()
  message(STATUS "MPI: ${HOTPP_MPI_INCLUDE} (mesh over several ranks)")
else()
  message(STATUS "MPI: none found (pip install mpich): the mesh will run on one rank.")
endif()
