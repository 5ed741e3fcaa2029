set(prefix ${CMAKE_CURRENT_BINARY_DIR}/prefix)
set(strict "-Wall -Wextra -Wpedantic -Wconversion -Werror")
string(REPLACE ";" "$<SEMICOLON>" launcher "${CMAKE_CXX_COMPILER_LAUNCHER}")
set(same_tools -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_CXX_COMPILER_LAUNCHER=${launcher}
  -DCMAKE_PREFIX_PATH=${prefix}$<SEMICOLON>${CMAKE_PREFIX_PATH} -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)

# --build-and-test keeps the folder, and with it what find_package once did not find: each starts clean.
function(rtml_add_consumer name source)
  add_test(NAME ${name} COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/${source} ${CMAKE_CURRENT_BINARY_DIR}/${name}
    --build-generator ${CMAKE_GENERATOR}
    --build-options ${same_tools} ${ARGN}
    --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure)  # stays last: it swallows every argument after it
  set_tests_properties(${name} PROPERTIES LABELS packaging RUN_SERIAL ON)
endfunction()

add_test(NAME install_tree COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${prefix})
set_tests_properties(install_tree PROPERTIES FIXTURES_SETUP installed LABELS packaging)

rtml_add_consumer(consumer consumer "-DCMAKE_CXX_FLAGS=${strict} -O2 -DNDEBUG" -DRTML_DURABLE=${rtml_durable})
rtml_add_consumer(consumer_fast_math consumer "-DCMAKE_CXX_FLAGS=${strict} -O1 -DNDEBUG -march=native -ffast-math" -DRTML_DURABLE=${rtml_durable})
set_tests_properties(consumer consumer_fast_math PROPERTIES FIXTURES_REQUIRED installed)

find_program(RTML_PKG_CONFIG NAMES pkg-config pkgconf)
mark_as_advanced(RTML_PKG_CONFIG)
if(RTML_PKG_CONFIG)
  add_test(NAME consumer_pkg_config COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/consumer/pkg_config.sh
    rtml ${RTML_PKG_CONFIG} ${prefix}/${CMAKE_INSTALL_LIBDIR} ${CMAKE_CXX_COMPILER} ${CMAKE_CURRENT_BINARY_DIR}/consumer_pkg_config main.cpp other.cpp)
  set_tests_properties(consumer_pkg_config PROPERTIES FIXTURES_REQUIRED installed LABELS packaging)
  if(rtml_durable)
    add_test(NAME consumer_durable_pkg_config COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/consumer/pkg_config.sh
      rtml-durable ${RTML_PKG_CONFIG} ${prefix}/${CMAKE_INSTALL_LIBDIR} ${CMAKE_CXX_COMPILER}
      ${CMAKE_CURRENT_BINARY_DIR}/consumer_durable_pkg_config durable.cpp)
    set_tests_properties(consumer_durable_pkg_config PROPERTIES FIXTURES_REQUIRED installed LABELS packaging)
  endif()
endif()

rtml_add_consumer(subproject subproject -DRTML_SOURCE=${PROJECT_SOURCE_DIR})
