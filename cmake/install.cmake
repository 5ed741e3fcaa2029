include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rtml)
get_target_property(library_type rtml TYPE)
if(library_type STREQUAL "STATIC_LIBRARY")  # whoever links it links what is inside it
  set(link_dependencies TRUE)
  set(pc_requires "eigen3 >= 3.4, xtensor >= 0.24, fmt >= 9, libxxhash, libzstd")
  set(pc_requires_private "")
  set(pc_durable_requires "rtml = ${PROJECT_VERSION}, lmdb")
  set(pc_durable_requires_private "")
else()
  set(link_dependencies FALSE)
  set(pc_requires "eigen3 >= 3.4, xtensor >= 0.24")
  set(pc_requires_private "fmt >= 9, libxxhash, libzstd")
  set(pc_durable_requires "rtml = ${PROJECT_VERSION}")
  set(pc_durable_requires_private "lmdb, fmt >= 9, libxxhash")
endif()

install(TARGETS rtml rtml_headers EXPORT rtmlTargets FILE_SET HEADERS)
install(EXPORT rtmlTargets NAMESPACE rtml:: DESTINATION ${config_dir})
if(rtml_durable)  # a set of its own: who does not ask for it needs no LMDB
  install(TARGETS rtml_durable EXPORT rtmlDurableTargets)
  install(EXPORT rtmlDurableTargets NAMESPACE rtml:: DESTINATION ${config_dir})
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/Findlmdb.cmake DESTINATION ${config_dir})
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/rtmlConfig.cmake.in rtmlConfig.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(rtmlConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/rtmlConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/rtmlConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindxxHash.cmake
  ${CMAKE_CURRENT_LIST_DIR}/Findzstd.cmake
  DESTINATION ${config_dir})

# Relocatable: from the .pc file up to the prefix, however deep the library folder is.
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/rtml.pc.in rtml.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rtml.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(rtml_durable)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/rtml-durable.pc.in rtml-durable.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rtml-durable.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
