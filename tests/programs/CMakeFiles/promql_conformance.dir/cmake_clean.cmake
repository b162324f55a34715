file(REMOVE_RECURSE
  "../promql_conformance"
  "../promql_conformance.pdb"
  "CMakeFiles/promql_conformance.dir/promql_conformance.cc.o"
  "CMakeFiles/promql_conformance.dir/promql_conformance.cc.o.d"
)

# Per-language clean rules from dependency scanning.
foreach(lang CXX)
  include(CMakeFiles/promql_conformance.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()
