# Empty dependencies file for promql_conformance.
# This may be replaced when dependencies are built.
