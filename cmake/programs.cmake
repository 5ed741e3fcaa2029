# What only programs and tests use; the library never does. A program whose libraries are missing is left out, and said so.
find_package(CLI11 CONFIG QUIET)
find_package(nlohmann_json CONFIG QUIET)
find_package(benchmark CONFIG QUIET)

if(PROJECT_IS_TOP_LEVEL)
  enable_testing()
endif()

# rtml_precompile(GROUP TARGET HEADERS...): headers that all targets of a group begin with are read once; what makes their meaning is equal
# in all of them. A build with CMAKE_DISABLE_PRECOMPILE_HEADERS=ON finds a file that forgot an include.
function(rtml_precompile group target)
  get_property(first GLOBAL PROPERTY rtml_precompiled_${group})
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
  else()
    target_precompile_headers(${target} PRIVATE ${ARGN})
    set_property(GLOBAL PROPERTY rtml_precompiled_${group} ${target})
  endif()
endfunction()

# rtml_add_program(NAME SOURCES...): a command line over the library.
function(rtml_add_program name)
  if(NOT TARGET CLI11::CLI11 OR NOT TARGET nlohmann_json::nlohmann_json)
    message(STATUS "rtml: ${name} is left out, it needs CLI11 and nlohmann-json")
    return()
  endif()
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE rtml::rtml fmt::fmt CLI11::CLI11 nlohmann_json::nlohmann_json)
endfunction()
