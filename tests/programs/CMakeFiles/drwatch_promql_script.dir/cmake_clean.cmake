file(REMOVE_RECURSE
  "CMakeFiles/drwatch_promql_script.dir/promql_script_parse.cc.o"
  "CMakeFiles/drwatch_promql_script.dir/promql_script_parse.cc.o.d"
  "CMakeFiles/drwatch_promql_script.dir/promql_script_run.cc.o"
  "CMakeFiles/drwatch_promql_script.dir/promql_script_run.cc.o.d"
  "libdrwatch_promql_script.a"
  "libdrwatch_promql_script.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang CXX)
  include(CMakeFiles/drwatch_promql_script.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()
