#include <gtest/gtest.h>

#include "support/log_check.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  drwatch::testing::InstallLogCheck();
  return RUN_ALL_TESTS();
}
