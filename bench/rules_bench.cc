// What one evaluation of a rule file costs in the service's own path: manager, alert state on disk,
// series of the alerts. bench/rules.py runs it beside Prometheus.
//
// rules_bench PAGE RULES STATE EVALUATIONS: the series of PAGE (text format) get an hour of
// history, then the rules are evaluated in their slots. Prints one line of JSON; times are of this
// process's CPU.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "db/database.h"
#include "model/exposition.h"
#include "promql/engine.h"
#include "rules/manager.h"
#include "rules/rule_file.h"
#include "store/store.h"

namespace drwatch::rules {
namespace {

constexpr base::Duration kInterval = std::chrono::seconds(15);
constexpr int kRounds = 240;

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "rules_bench: %s\n", message.c_str());
  std::exit(1);
}

std::string Read(const std::string& path) {
  auto text = base::ReadFile(path);
  if (!text) Die(text.error().ToString());
  return *std::move(text);
}

// The page's values, a little more in every round: counters rise and gauges change. Not all by the
// same share, so that the ratio of two rates changes, too.
class Samples {
 public:
  explicit Samples(const std::string& page) {
    auto parsed = model::ParseText(page, model::TextFormat::kPrometheus, {});
    if (!parsed) Die(parsed.error().ToString());
    for (const model::ParsedSample& sample : parsed->samples) {
      last_.push_back(sample.value);
      samples_.push_back({sample.labels, 0});
    }
  }
  const std::vector<store::NewSample>& Round(int round) {
    const double part = round / 1024.0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const double curve = part * part * static_cast<double>(i % 5) / 8;
      samples_[i].value = last_[i] * (1 + part + curve);
    }
    return samples_;
  }

 private:
  std::vector<double> last_;
  std::vector<store::NewSample> samples_;
};

std::vector<RuleGroup> ReadRules(const std::string& path) {
  config::Problems problems;
  std::vector<RuleGroup> groups = ParseRuleFile(Read(path), path, problems);
  if (problems.HasErrors()) Die(problems.all().front().ToString());
  return groups;
}

// Wall time as the run wants it.
class BenchClock final : public base::Clock {
 public:
  base::Timestamp Now() const override { return now; }
  base::SteadyTime Steady() const override { return machine_.Steady(); }
  base::Timestamp now{};

 private:
  base::SystemClock machine_;
};

int Run(const std::string& page, const std::string& rules, const std::string& state,
        int evaluations) {
  BenchClock clock;
  clock.now = base::SystemClock().Now() - kInterval * kRounds;
  store::Store store;
  Samples samples(Read(page));
  int round = 0;
  for (; round < kRounds; ++round, clock.now += kInterval) {
    store.AppendFrom("page", samples.Round(round), clock.now);
  }
  const promql::Engine engine(store);
  auto database = db::Database::Open(state, Migrations());
  if (!database) Die(database.error().ToString());
  std::int64_t events = 0;
  ManagerDependencies dependencies{&store, &engine, &clock, database->get(), {}, {}};
  dependencies.sink = [&events](const std::vector<model::AlertEvent>& told) -> base::Status {
    events += static_cast<std::int64_t>(told.size());
    return {};
  };
  Manager manager(std::move(dependencies));
  manager.SetGroups(ReadRules(rules), {}, clock.now);
  double first = 0;
  double rest = 0;
  std::shared_ptr<const RulesSnapshot> previous;
  for (int i = 0; i <= evaluations; ++i, ++round) {
    clock.now = manager.NextDue();
    store.AppendFrom("page", samples.Round(round), clock.now - std::chrono::milliseconds(100));
    previous = manager.Snapshot();
    const double begin = CpuSeconds();
    manager.EvaluateDue(clock.now);
    (i == 0 ? first : rest) += CpuSeconds() - begin;
  }
  const auto snapshot = manager.Snapshot();
  std::int64_t changed = 0;
  std::int64_t count = 0;
  for (const auto& group : snapshot->groups)
    count += static_cast<std::int64_t>(group->rules.size());
  std::printf(
      "{\"rules\":%lld,\"firing\":%lld,\"changed\":%lld,\"events\":%lld,\"first_ms\":%.4f,\"mean_"
      "ms\":%.4f}\n",
      static_cast<long long>(count), static_cast<long long>(snapshot->firing),
      static_cast<long long>(changed), static_cast<long long>(events), first * 1e3,
      rest * 1e3 / evaluations);
  return 0;
}

}  // namespace
}  // namespace drwatch::rules

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: rules_bench PAGE RULES STATE EVALUATIONS\n", stderr);
    return 1;
  }
  return drwatch::rules::Run(argv[1], argv[2], argv[3], std::max(1, std::atoi(argv[4])));
}
