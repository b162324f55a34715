// Configurations, alerts and a synchronous sender for the tests of delivery.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/alert.h"
#include "notify/ledger.h"

namespace drwatch::notify {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

inline constexpr base::Timestamp kStart = base::FromUnixMillis(1'767'225'600'000);
inline const std::string kRoutingKey = "0123456789abcdef0123456789abcdef";

inline config::PagerDutyReceiver PagerDuty(const std::string& key = kRoutingKey) {
  config::PagerDutyReceiver receiver;
  receiver.routing_key.value = base::Secret(key);
  return receiver;
}
inline config::SlackReceiver Slack(const std::string& path = "T0/B0/secretsecret") {
  config::SlackReceiver receiver;
  receiver.api_url.value = base::Secret("https://hooks.slack.com/services/" + path);
  return receiver;
}
inline config::WebhookReceiver Webhook(const std::string& host = "example.com") {
  config::WebhookReceiver receiver;
  receiver.url.value = base::Secret("https://" + host + "/hook/secretsecret");
  return receiver;
}

// Everything goes to `receivers[0]`, grouped by alertname.
inline config::Config MakeConfig(std::vector<config::Receiver> receivers) {
  config::Config config;
  config.route.receiver = receivers.front().name;
  config.route.group_by = {"alertname"};
  config.route.group_wait = 5s;
  config.route.group_interval = 1min;
  config.route.repeat_interval = 4h;
  config.receivers = std::move(receivers);
  return config;
}

inline std::shared_ptr<const config::Config> Share(config::Config config) {
  return std::make_shared<const config::Config>(std::move(config));
}

inline model::AlertEvent Firing(const std::string& name, const std::string& instance,
                                base::Timestamp at, const std::string& severity = "critical") {
  model::AlertEvent event;
  event.alert.labels = {{"alertname", name}, {"instance", instance}, {"severity", severity}};
  event.alert.annotations = {{"summary", name + " on " + instance}};
  event.alert.state = model::AlertState::kFiring;
  event.alert.active_at = at;
  event.alert.fired_at = at;
  event.alert.value = 1;
  return event;
}
inline model::AlertEvent Resolved(model::AlertEvent event, base::Timestamp at) {
  event.change = model::AlertChange::kResolved;
  event.alert.state = model::AlertState::kInactive;
  event.alert.resolved_at = at;
  return event;
}

inline Verdict Delivered() {
  Verdict verdict;
  verdict.kind = Verdict::Kind::kDelivered;
  return verdict;
}
inline Verdict Failed(std::string reason = "server_error") {
  Verdict verdict;
  verdict.reason = std::move(reason);
  verdict.detail = "status 500";
  return verdict;
}
inline Verdict Refused(bool minimal_may_help = false) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::kRejected;
  verdict.reason = "client_error";
  verdict.detail = "status 400";
  verdict.minimal_may_help = minimal_may_help;
  return verdict;
}

// A ledger with a clock of its own; Deliver() plays the sender threads.
struct Desk {
  explicit Desk(std::shared_ptr<const config::Config> config, Records records = {},
                base::Timestamp start = kStart)
      : ledger(std::move(records), std::move(config), start), now(start) {}

  void Accept(const model::AlertEvent& event) { EXPECT_TRUE(ledger.Apply({event}, now)); }
  // What is sent now, to all targets, each with `verdict`: "receiver occasion firing/resolved".
  std::vector<std::string> Deliver(const Verdict& verdict = Delivered()) {
    std::vector<std::string> sent;
    ledger.Tick(now);
    bool more = true;
    while (more) {
      more = false;
      std::vector<std::string> targets;
      for (const auto& [id, target] : ledger.records().targets) targets.push_back(id);
      for (const std::string& target : targets) {
        const std::optional<Job> job = ledger.Take(target, now);
        if (!job) continue;
        more = true;
        last = job->notification;
        sent.push_back(Describe(*job));
        ledger.Settle(*job, verdict, 1ms, now);
      }
    }
    return sent;
  }
  // Moves the clock step by step, delivering on the way.
  std::vector<std::string> Run(base::Duration time, const Verdict& verdict = Delivered()) {
    std::vector<std::string> sent;
    const base::Timestamp end = now + time;
    while (now < end) {
      now += std::min<base::Duration>(500ms, end - now);
      for (std::string& line : Deliver(verdict)) sent.push_back(std::move(line));
    }
    return sent;
  }
  static std::string Describe(const Job& job) {
    const std::size_t firing = job.notification.FiringCount();
    return job.notification.receiver + " " + std::string(OccasionName(job.occasion)) + " " +
           std::to_string(firing) + "/" + std::to_string(job.notification.alerts.size() - firing);
  }

  Ledger ledger;
  base::Timestamp now = kStart;
  Notification last;
};

using Lines = std::vector<std::string>;

}  // namespace drwatch::notify
