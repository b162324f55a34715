// The landing page: the state of each probe, alert and receiver as one plain HTML page. A pure
// function.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "model/probe_result.h"

namespace drwatch::web {

struct ReceiverStatus {
  std::string receiver;
  std::string integration;
  std::int64_t waiting = 0;
  base::Duration oldest{};  // age of the oldest waiting notification
  std::string last_error;   // empty when the last attempt worked
};

struct RuleFailure {
  std::string group;
  std::string rule;
  std::string error;
};

struct StatusView {
  base::Timestamp now{};
  std::string version;
  bool ready = false;
  std::vector<model::ProbeResult> probes;
  std::vector<model::Alert> alerts;  // pending and firing
  std::vector<ReceiverStatus> receivers;
  std::vector<RuleFailure> rule_failures;
};

// Worst first. Everything that comes from outside is escaped; the page needs no script and no other
// file.
std::string StatusPage(const StatusView& view);

// `markdown` (a runbook) in a page of its own: headings, lists, code, links and bold are shown, the
// rest as text.
std::string RunbookPage(std::string_view title, std::string_view markdown);

// & < > " ' as entities.
std::string EscapeHtml(std::string_view text);

}  // namespace drwatch::web
