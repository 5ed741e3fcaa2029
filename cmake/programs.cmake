# What only programs and tests use; the library never does. A program whose libraries are missing is left out, and said so.
find_package(CLI11 CONFIG QUIET)
find_package(nlohmann_json CONFIG QUIET)
find_package(benchmark CONFIG QUIET)

if(PROJECT_IS_TOP_LEVEL)
  enable_testing()
endif()

# rtml_add_program(NAME SOURCES...): a command line over the library.
function(rtml_add_program name)
  if(NOT TARGET CLI11::CLI11 OR NOT TARGET nlohmann_json::nlohmann_json)
    message(STATUS "rtml: ${name} is left out, it needs CLI11 and nlohmann-json")
    return()
  endif()
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE rtml::rtml fmt::fmt CLI11::CLI11 nlohmann_json::nlohmann_json)
endfunction()
