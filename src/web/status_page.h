// The landing page: the state of each alert, scenario, probe and receiver as one plain HTML page.
// A pure function.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "model/probe_result.h"
#include "recovery/recovery_points.h"

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

// What delivery knows of a firing alert.
struct AlertAttention {
  std::string fingerprint;   // to acknowledge it by
  std::string acknowledged;  // "by ann at ... until ..."; empty: nobody has
  std::string next;          // "cto in 5m": where its escalation goes on; may be empty
};

struct StatusView {
  base::Timestamp now{};
  std::string version;
  bool ready = false;
  std::vector<model::ProbeResult> probes;
  std::vector<model::Alert> alerts;                 // pending and firing
  std::map<std::string, AlertAttention> attention;  // by fingerprint of `alerts`
  std::vector<recovery::ServiceReport> services;
  std::vector<ReceiverStatus> receivers;
  std::vector<RuleFailure> rule_failures;
};

// Worst first. Everything that comes from outside is escaped; the page needs no script and no other
// file.
std::string StatusPage(const StatusView& view);

// `markdown` (a runbook) in a page of its own: headings, lists, code, links and bold are shown, the
// rest as text.
std::string RunbookPage(std::string_view title, std::string_view markdown);

// The start of a page that does not reload itself, to the beginning of its body.
std::string PageHead(std::string_view title);

// & < > " ' as entities.
std::string EscapeHtml(std::string_view text);

}  // namespace drwatch::web
