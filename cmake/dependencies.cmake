# Every version from Debian 12's on. A target that the host made already is taken as it is.

# Eigen's version files cannot say "3.4 or newer": 3.4.0 refuses a range that ends above 3, and 5.0 refuses a plain "3.4".
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 CONFIG REQUIRED)
  if(Eigen3_VERSION VERSION_LESS 3.4)
    message(FATAL_ERROR "rtml needs Eigen 3.4 or newer, found ${Eigen3_VERSION}")
  endif()
endif()
if(NOT TARGET xtensor)
  find_package(xtensor 0.24 CONFIG REQUIRED)
endif()
if(NOT TARGET Threads::Threads)
  find_package(Threads REQUIRED)
endif()

# Inside the compiled core only.
if(NOT TARGET fmt::fmt)
  find_package(fmt 9 CONFIG REQUIRED)
endif()
set(rtml_module_path ${CMAKE_MODULE_PATH})
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
find_package(xxHash MODULE REQUIRED)
find_package(zstd MODULE REQUIRED)

# Inside rtml::durable only.
set(rtml_durable FALSE)
if(RTML_WITH_LMDB STREQUAL "AUTO")
  find_package(lmdb MODULE QUIET)
  set(rtml_durable ${lmdb_FOUND})
elseif(RTML_WITH_LMDB)
  find_package(lmdb MODULE REQUIRED)
  set(rtml_durable TRUE)
endif()
if(NOT rtml_durable)
  message(STATUS "rtml: rtml::durable is left out, it needs LMDB")
endif()
set(CMAKE_MODULE_PATH ${rtml_module_path})
