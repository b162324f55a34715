// An unexpected warning or error in the log fails the test that caused it: every test binary links
// this listener.
#include "support/log_check.h"

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"

namespace drwatch::testing {
namespace {

std::mutex mutex;
std::vector<std::string> unexpected;
std::vector<std::string> expected_parts;

void OnLine(base::LogLevel level, std::string_view line) {
  const std::lock_guard lock(mutex);
  if (level < base::LogLevel::kWarn) return;
  for (const std::string& part : expected_parts) {
    if (line.find(part) != std::string_view::npos) return;
  }
  unexpected.emplace_back(line);
}

class LogListener : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override {
    // Not under the lock: the log calls the sink with its own lock held.
    base::SetLogSink(OnLine);
    const std::lock_guard lock(mutex);
    unexpected.clear();
    expected_parts.clear();
  }
  void OnTestEnd(const ::testing::TestInfo&) override {
    const std::lock_guard lock(mutex);
    for (const std::string& line : unexpected) ADD_FAILURE() << "unexpected log line: " << line;
    unexpected.clear();
  }
};

}  // namespace

void InstallLogCheck() { ::testing::UnitTest::GetInstance()->listeners().Append(new LogListener); }

void ExpectLog(std::string part) {
  const std::lock_guard lock(mutex);
  expected_parts.push_back(std::move(part));
}

}  // namespace drwatch::testing
