# A launcher that was chosen already, or a host's, is left alone.
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER AND NOT DEFINED ENV{CMAKE_CXX_COMPILER_LAUNCHER})
  find_program(RTML_CCACHE ccache)
  mark_as_advanced(RTML_CCACHE)
  if(RTML_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${RTML_CCACHE})
  endif()
endif()
