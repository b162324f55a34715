// The life cycle cases of testdata/alert-generator, run by the manager on an injected clock:
// exactly as written with slots at 0, 30 ..., exactly so much later with slots up to 14 s later
// (then evaluations see the same samples), and within one interval for slots 15 to 29 s later.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"
#include "config/node.h"
#include "promql/engine.h"
#include "promql/parser.h"
#include "rules/manager.h"
#include "rules/rule_test_support.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::rules {
namespace {

using config::Node;
using std::chrono::seconds;

struct Run {  // of evaluations with one outcome
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::string state;
  std::int64_t active_at = -1;
  model::Labels annotations;
};
struct Notification {
  std::string state;
  std::int64_t at = 0;
  std::int64_t starts_at = 0;
  std::int64_t ends_at = -1;  // of a resolved one
  model::Labels annotations;
};
struct Life {
  std::vector<Run> runs;
  std::vector<Notification> notifications;
};
using Lives = std::map<model::Labels, Life>;

std::int64_t Int(const Node& node, std::string_view key, std::int64_t missing = -1) {
  const Node* found = node.Find(key);
  return found == nullptr ? missing : base::ParseInt(found->scalar).value();
}

model::Labels LabelsOf(const Node* node) {
  model::LabelsBuilder builder;
  if (node == nullptr) return {};
  for (const auto& [name, value] : node->entries) builder.Set(name.scalar, value.scalar);
  return builder.Build();
}

// A node as YAML again, so that the rule file reader gets the case's group.
std::string ToYaml(const Node& node) {
  std::string text;
  if (node.kind == config::NodeKind::kMap) {
    for (const auto& [name, value] : node.entries) {
      text += (text.empty() ? "" : ", ") + base::Quote(name.scalar) + ": " + ToYaml(value);
    }
    return "{" + text + "}";
  }
  if (node.kind == config::NodeKind::kSequence) {
    for (const Node& item : node.items) text += (text.empty() ? "" : ", ") + ToYaml(item);
    return "[" + text + "]";
  }
  return base::Quote(node.scalar);
}

// Runs one case with slots at `offset`, offset + interval ... after its start.
class Simulation {
 public:
  Simulation(const Node& node, std::int64_t offset) : node_(node), offset_(offset) {
    auto groups = ParseGroups("groups: [" + ToYaml(*node.Find("group")) + "]");
    interval_ = *groups.at(0).interval;
    const base::Timestamp slot =
        SlotAtOrBefore(clock_.Now(), interval_, SlotOffset(groups.at(0), interval_)) + interval_;
    start_ = slot - seconds(offset);
    clock_.Advance(start_ - clock_.Now() - base::Duration(1));
    ManagerDependencies dependencies;
    dependencies.store = &store_;
    dependencies.engine = &engine_;
    dependencies.clock = &clock_;
    dependencies.sink = [this](const auto& events) { return Take(events); };
    manager_ = std::make_unique<Manager>(std::move(dependencies));
    manager_->SetGroups(std::move(groups), {}, clock_.Now());
    for (const Node& series : node.Find("series")->items) {
      series_.push_back(promql::ParseSeriesDescription(series.Find("series")->scalar + " " +
                                                       series.Find("values")->scalar)
                            .value());
    }
  }

  Lives Execute() {
    const std::int64_t step = Int(node_, "step_s");
    for (std::int64_t t = 0; t <= Int(node_, "until_s") + offset_; ++t) {
      clock_.Advance(start_ + seconds(t) - clock_.Now());
      if (t % step == 0) Append(static_cast<std::size_t>(t / step));
      if (manager_->NextDue() > clock_.Now()) continue;
      manager_->EvaluateDue(clock_.Now());
      Observe(t);
    }
    return std::move(lives_);
  }

 private:
  void Append(std::size_t index) {
    std::vector<store::NewSample> samples;
    for (const auto& series : series_) {
      if (index < series.values.size() && series.values[index]) {
        samples.push_back({series.labels, *series.values[index]});
      }
    }
    store_.Append(samples, clock_.Now());
  }

  std::int64_t Relative(base::Timestamp time) const {
    return std::chrono::duration_cast<seconds>(time - start_).count();
  }

  base::Status Take(const std::vector<model::AlertEvent>& events) {
    for (const model::AlertEvent& event : events) {
      const model::Alert& alert = event.alert;
      lives_[alert.labels].notifications.push_back(
          {alert.resolved() ? "resolved" : "firing", Relative(clock_.Now()),
           Relative(alert.fired_at), alert.resolved() ? Relative(alert.resolved_at) : -1,
           alert.annotations});
    }
    return {};
  }

  void Observe(std::int64_t t) {
    evaluations_.push_back(t);
    std::set<model::Labels> active;
    for (const auto& rule : manager_->Snapshot()->groups.at(0)->rules) {
      EXPECT_EQ(rule.last_error, "");
      for (const model::Alert& alert : rule.alerts) {
        active.insert(alert.labels);
        const std::string state(model::AlertStateName(alert.state));
        Extend(alert.labels, {t, t, state, Relative(alert.active_at),
                              state == "firing" ? alert.annotations : model::Labels()});
      }
    }
    for (auto& [labels, life] : lives_) {
      if (!active.contains(labels)) Extend(labels, {t, t, "inactive", -1, {}});
    }
    CheckSeries(active.size());
  }

  // What other rules and queries see is what the API shows.
  void CheckSeries(std::size_t active) {
    const auto expr = promql::ParseExpr("ALERTS == 1 or ALERTS_FOR_STATE * 0 == 1").value();
    const auto output = engine_.Instant(*expr, clock_.Now()).value();
    EXPECT_EQ(std::get<promql::Vector>(output.value).size(), active);
  }

  void Extend(const model::Labels& labels, Run run) {
    Life& life = lives_[labels];
    // Inactive until it first showed up.
    if (life.runs.empty() && evaluations_.size() > 1 && run.state != "inactive") {
      life.runs.push_back({evaluations_.front(), *(evaluations_.end() - 2), "inactive", -1, {}});
    }
    if (!life.runs.empty()) {
      Run& last = life.runs.back();
      if (last.state == run.state && last.active_at == run.active_at &&
          last.annotations == run.annotations) {
        last.to = run.to;
        return;
      }
    }
    life.runs.push_back(std::move(run));
  }

  const Node& node_;
  std::int64_t offset_;
  testing::FakeClock clock_;
  store::Store store_;
  promql::Engine engine_{store_};
  base::Duration interval_{};
  base::Timestamp start_{};
  std::vector<promql::SeriesDescription> series_;
  std::unique_ptr<Manager> manager_;
  std::vector<std::int64_t> evaluations_;
  Lives lives_;
};

Lives Expected(const Node& node) {
  Lives lives;
  for (const Node& alert : node.Find("expected")->items) {
    Life& life = lives[LabelsOf(alert.Find("labels"))];
    for (const Node& run : alert.Find("states")->items) {
      life.runs.push_back({Int(run, "from_s"), Int(run, "to_s"), run.Find("state")->scalar,
                           Int(run, "active_at_s"), LabelsOf(run.Find("annotations"))});
    }
    for (const Node& sent : alert.Find("notifications")->items) {
      Notification notification{sent.Find("state")->scalar, Int(sent, "first_at_s"),
                                Int(sent, "starts_at_s"), Int(sent, "ends_at_s"),
                                LabelsOf(sent.Find("annotations"))};
      life.notifications.push_back(notification);
      for (const Node& again : sent.Find("resent_at_s")->items) {
        notification.at = base::ParseInt(again.scalar).value();
        life.notifications.push_back(notification);
      }
    }
  }
  return lives;
}

std::string Print(const Life& life) {
  std::string text;
  for (const Run& run : life.runs) {
    text += "  " + std::to_string(run.from) + ".." + std::to_string(run.to) + " " + run.state +
            " since " + std::to_string(run.active_at) + " " + run.annotations.ToString() + "\n";
  }
  for (const Notification& sent : life.notifications) {
    text += "  sent at " + std::to_string(sent.at) + " " + sent.state + " from " +
            std::to_string(sent.starts_at) + " to " + std::to_string(sent.ends_at) + " " +
            sent.annotations.ToString() + "\n";
  }
  return text;
}

std::vector<Node> Cases() {
  config::Problems problems;
  const std::string path = testing::TestData("testdata/alert-generator/alert_generator.yaml");
  const auto root = config::ParseYaml(testing::ReadTestFile(path), path, problems);
  EXPECT_FALSE(problems.HasErrors());
  return root->Find("cases")->items;
}

void Delay(Life& life, std::int64_t by_seconds) {
  const auto delay = [by_seconds](std::int64_t& time) { time += time < 0 ? 0 : by_seconds; };
  for (Run& run : life.runs) {
    for (std::int64_t* time : {&run.from, &run.to, &run.active_at}) delay(*time);
  }
  for (Notification& sent : life.notifications) {
    for (std::int64_t* time : {&sent.at, &sent.starts_at, &sent.ends_at}) delay(*time);
  }
}

TEST(AlertGeneratorTest, FollowsEveryCaseToTheSecond) {
  for (const Node& node : Cases()) {
    for (std::int64_t offset = 0; offset < 15; ++offset) {
      const std::string id = node.Find("id")->scalar + " offset " + std::to_string(offset);
      Lives got = Simulation(node, offset).Execute();
      Lives expected = Expected(node);
      EXPECT_EQ(got.size(), expected.size()) << id;
      for (auto& [labels, life] : expected) {
        Delay(life, offset);
        EXPECT_EQ(Print(got[labels]), Print(life)) << id << " " << labels.ToString();
      }
    }
  }
}

// Every state in the same order, each begun within one interval of where it begins with slots at 0;
// active and firing times that follow from them.
void ExpectNear(const Life& expected, const Life& got, const std::string& context) {
  ASSERT_EQ(got.runs.size(), expected.runs.size()) << context << Print(got);
  std::int64_t active_at = -1;
  for (std::size_t i = 0; i < got.runs.size(); ++i) {
    const Run& run = got.runs[i];
    EXPECT_EQ(run.state, expected.runs[i].state) << context;
    EXPECT_EQ(run.annotations, expected.runs[i].annotations) << context;
    EXPECT_LE(std::abs(run.from - expected.runs[i].from), 30) << context << Print(got);
    if (run.state == "inactive") active_at = -1;
    if (run.state != "inactive" && active_at < 0) active_at = run.from;
    EXPECT_EQ(run.active_at, active_at) << context << Print(got);
  }
  std::string kinds;
  std::int64_t fired_at = -1;
  for (std::size_t i = 0; i < got.notifications.size(); ++i) {
    const Notification& sent = got.notifications[i];
    const bool first = i == 0 || got.notifications[i - 1].state != sent.state;
    if (first) {
      kinds += sent.state + " ";
      EXPECT_EQ(sent.at, sent.state == "firing" ? sent.starts_at : sent.ends_at) << context;
      if (sent.state == "firing") fired_at = sent.starts_at;
    } else {
      EXPECT_EQ(sent.at - got.notifications[i - 1].at, 90) << context << Print(got);
    }
    EXPECT_EQ(sent.starts_at, fired_at) << context;
  }
  std::string expected_kinds;
  for (std::size_t i = 0; i < expected.notifications.size(); ++i) {
    const Notification& sent = expected.notifications[i];
    if (i == 0 || expected.notifications[i - 1].state != sent.state) {
      expected_kinds += sent.state + " ";
    }
  }
  EXPECT_EQ(kinds, expected_kinds) << context;
  // An interval more or less of firing may hold one repetition more or less.
  const auto count = [](const Life& life) { return static_cast<int>(life.notifications.size()); };
  const int periods = static_cast<int>(std::count(kinds.begin(), kinds.end(), ' '));
  EXPECT_LE(std::abs(count(got) - count(expected)), periods) << context << Print(got);
}

TEST(AlertGeneratorTest, FollowsEveryCaseWhereverTheSlotsLie) {
  for (const Node& node : Cases()) {
    const Lives expected = Expected(node);
    for (std::int64_t offset = 15; offset < 30; ++offset) {
      Lives got = Simulation(node, offset).Execute();
      EXPECT_EQ(got.size(), expected.size());
      for (const auto& [labels, life] : expected) {
        ExpectNear(life, got[labels],
                   node.Find("id")->scalar + " offset " + std::to_string(offset) + " " +
                       labels.ToString() + "\n");
      }
    }
  }
}

}  // namespace
}  // namespace drwatch::rules
