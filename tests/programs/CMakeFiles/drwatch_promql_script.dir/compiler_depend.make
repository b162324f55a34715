# Empty compiler generated dependencies file for drwatch_promql_script.
# This may be replaced when dependencies are built.
