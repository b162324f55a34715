
# Consider dependencies only in project.
set(CMAKE_DEPENDS_IN_PROJECT_ONLY OFF)

# The set of languages for which implicit dependencies are needed:
set(CMAKE_DEPENDS_LANGUAGES
  )

# The set of dependency files which are needed:
set(CMAKE_DEPENDS_DEPENDENCY_FILES
  "/tmp/pshadow/tests/programs/promql_script_parse.cc" "tests/programs/CMakeFiles/drwatch_promql_script.dir/promql_script_parse.cc.o" "gcc" "tests/programs/CMakeFiles/drwatch_promql_script.dir/promql_script_parse.cc.o.d"
  "/tmp/pshadow/tests/programs/promql_script_run.cc" "tests/programs/CMakeFiles/drwatch_promql_script.dir/promql_script_run.cc.o" "gcc" "tests/programs/CMakeFiles/drwatch_promql_script.dir/promql_script_run.cc.o.d"
  )

# Targets to which this target links.
set(CMAKE_TARGET_LINKED_INFO_FILES
  "/tmp/pshadow/src/CMakeFiles/drwatch_promql.dir/DependInfo.cmake"
  "/tmp/pshadow/src/CMakeFiles/drwatch_store.dir/DependInfo.cmake"
  "/tmp/pshadow/src/CMakeFiles/drwatch_model.dir/DependInfo.cmake"
  "/tmp/pshadow/src/CMakeFiles/drwatch_base.dir/DependInfo.cmake"
  )

# Fortran module output directory.
set(CMAKE_Fortran_TARGET_MODULE_DIR "")
