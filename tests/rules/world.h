// A program's worth of rules on a clock that tests move.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "promql/engine.h"
#include "promql/parser.h"
#include "rules/manager.h"
#include "rules/rule_test_support.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace drwatch::rules {

// Store, engine, database, manager, and a sink that remembers. Restart() drops everything but the
// database file, as kill -9 does. Steps last `step`, the groups' interval, and end on the slots of
// a group "g", right after the samples of that moment.
class World {
 public:
  using Values = std::map<std::string, double>;  // of m, by its label i

  explicit World(std::string text, base::Duration step = std::chrono::seconds(15))
      : step_(step), text_(std::move(text)) {
    settings_.evaluation_interval = step;
    RuleGroup group;
    group.file = "test.rules.yml";
    group.name = "g";
    clock_.Advance(step + SlotOffset(group, step) -
                   base::ToUnixMillis(clock_.Now()) % step.count() * base::Duration(1));
    Start();
  }

  void Start() {
    auto opened = db::Database::Open(folder_.Path("state.db"), Migrations());
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    database_ = *std::move(opened);
    store_ = std::make_unique<store::Store>();
    engine_ = std::make_unique<promql::Engine>(*store_);
    ManagerDependencies dependencies;
    dependencies.store = store_.get();
    dependencies.engine = engine_.get();
    dependencies.clock = &clock_;
    dependencies.database = database_.get();
    dependencies.sink = [this](const auto& events) { return Take(events); };
    dependencies.sources_ready = [this] { return ready_; };
    manager_ = std::make_unique<Manager>(std::move(dependencies));
    SetGroups();
  }
  void Restart(base::Duration downtime) {
    manager_.reset();
    engine_.reset();
    store_.reset();
    database_.reset();
    clock_.Advance(downtime);
    Start();
  }
  void SetText(std::string text) { text_ = std::move(text); }
  void SetGroups() { manager_->SetGroups(ParseGroups(text_), settings_, clock_.Now()); }
  void Append(const model::Labels& labels, double value) {
    store_->Append({{labels, value}}, clock_.Now());
  }
  // One step: samples of m, then what is due.
  void Tick(const Values& values) {
    clock_.Advance(step_);
    for (const auto& [i, value] : values) Append({{"__name__", "m"}, {"i", i}}, value);
    manager_->EvaluateDue(clock_.Now());
  }
  // Steps with one value of m{i="a"}; nullopt: no sample.
  void Run(base::Duration time, std::optional<double> value) {
    for (base::Duration done{}; done < time; done += step_) {
      Tick(value ? Values{{"a", *value}} : Values{});
    }
  }
  // What the sink took since the last call: "firing resolved(rule removed or changed)".
  std::string Events() {
    std::string text;
    for (const model::AlertEvent& event : events_) {
      text += text.empty() ? "" : " ";
      text += event.change == model::AlertChange::kFiring    ? "firing"
              : event.change == model::AlertChange::kUpdated ? "updated"
                                                             : "resolved";
      if (!event.reason.empty()) text += "(" + event.reason + ")";
    }
    last_events_ = std::move(events_);
    events_.clear();
    return text;
  }
  std::vector<model::Alert> Alerts() const {
    std::vector<model::Alert> alerts;
    for (const auto& group : manager_->Snapshot()->groups) {
      for (const RuleSnapshot& rule : group->rules) {
        alerts.insert(alerts.end(), rule.alerts.begin(), rule.alerts.end());
      }
    }
    return alerts;
  }
  model::Alert Only() const {
    const auto alerts = Alerts();
    EXPECT_EQ(alerts.size(), 1U);
    return alerts.empty() ? model::Alert() : alerts[0];
  }
  double Query(const std::string& text) const {
    const auto expr = promql::ParseExpr(text);
    const auto output = engine_->Instant(**expr, clock_.Now());
    const auto& vector = std::get<promql::Vector>(output.value().value);
    EXPECT_LE(vector.size(), 1U);
    return vector.empty() ? -1 : vector[0].value;
  }
  // Of the first group. Valid until the next evaluation.
  const RuleSnapshot& RuleAt(std::size_t i = 0) const { return Group().rules.at(i); }
  // Valid until the next evaluation.
  const GroupSnapshot& Group(std::size_t i = 0) const {
    return *manager_->Snapshot()->groups.at(i);
  }

  testing::FakeClock clock_;
  bool ready_ = true;
  bool refuse_ = false;
  RuleSettings settings_;
  std::vector<model::AlertEvent> last_events_;
  testing::TempDir folder_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<promql::Engine> engine_;
  std::unique_ptr<Manager> manager_;

 private:
  base::Status Take(const std::vector<model::AlertEvent>& events) {
    if (refuse_) return base::Fail("disk full");
    events_.insert(events_.end(), events.begin(), events.end());
    return {};
  }
  base::Duration step_;
  std::string text_;
  std::vector<model::AlertEvent> events_;
};

}  // namespace drwatch::rules
