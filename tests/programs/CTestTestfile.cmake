# CMake generated Testfile for 
# Source directory: /tmp/pshadow/tests/programs
# Build directory: /tmp/pshadow/tests/programs
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
