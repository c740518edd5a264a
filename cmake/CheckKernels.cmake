# Kernels that are compiled for more than the oldest processor must not share inline functions with other objects: the
# linker keeps one copy, and where it keeps the copy for AVX-512 the whole library ends with an illegal instruction on
# other processors, which nobody sees where it was built. So all that such an object defines for sharing must be in a
# namespace of its instruction set.
#
#   hotpp_check_kernels(target)     after each build of the target
# As a script (cmake -P): NM, OBJECTS with '|' between them.
if(CMAKE_SCRIPT_MODE_FILE)
  string(REPLACE "|" ";" OBJECTS "${OBJECTS}")
  foreach(_object IN LISTS OBJECTS)
    if(NOT _object MATCHES "_avx[0-9]+\\.cpp")
      continue()
    endif()
    execute_process(COMMAND "${NM}" -C --defined-only "${_object}" OUTPUT_VARIABLE _symbols COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "[^\n]+" _symbols "${_symbols}")
    list(FILTER _symbols INCLUDE REGEX "^[0-9a-f]+ [WVu] ")
    list(FILTER _symbols EXCLUDE REGEX "::avx[0-9]+::| DW\\.ref\\.")
    if(_symbols)
      list(JOIN _symbols "\n  " _symbols)
      message(FATAL_ERROR "'${_object}' shares functions with objects for other processors:\n  ${_symbols}\nPut them into "
        "the namespace of the instruction set, or use none that are defined in common headers.")
    endif()
  endforeach()
  return()
endif()

set(_hotpp_check_kernels "${CMAKE_CURRENT_LIST_FILE}")
function(hotpp_check_kernels target)
  if(HOTPP_SANITIZE OR NOT CMAKE_NM OR NOT CMAKE_BUILD_TYPE STREQUAL "Release")  # not optimised: nothing is inlined
    return()
  endif()
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM COMMAND "${CMAKE_COMMAND}" "-DNM=${CMAKE_NM}"
    "-DOBJECTS=$<JOIN:$<TARGET_OBJECTS:${target}>,|>" -P "${_hotpp_check_kernels}")
endfunction()
