// What may not be read, for tests that run as root, whom no permission stops.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

namespace drwatch::testing {

// While it lives the program is nobody's: root becomes user 65534, others stay who they are.
class AsNobody {
 public:
  AsNobody() {
    if (was_ == 0) {
      EXPECT_EQ(::seteuid(65534), 0);
    }
  }
  ~AsNobody() {
    if (was_ == 0) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  const uid_t was_ = ::geteuid();
};

}  // namespace drwatch::testing
