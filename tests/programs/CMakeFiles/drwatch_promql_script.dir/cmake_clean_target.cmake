file(REMOVE_RECURSE
  "libdrwatch_promql_script.a"
)
