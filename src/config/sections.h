// The readers of the config's sections. Each takes its node and adds what is wrong to the context's
// problems; what it could read is in its result. Internal to this folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/node.h"
#include "config/reading.h"

namespace drwatch::config {

// Values by the names of the variables they came from.
using Variables = std::map<std::string, std::string>;
// Replaces ${NAME} by the variable's value and $$ by $ in every scalar that is not a key, and adds
// what it took to `used`. Errors: a variable that is not set, a ${ without its end.
void ExpandEnvironment(Node& node, const LoadOptions& options, Problems& problems, Variables& used);
// `message` with names where values stand, as the file has it: they may be secrets.
std::string WithNames(std::string message, const Variables& used);

// Defaults for what receivers leave out.
struct GlobalReceiverDefaults {
  SecretSource slack_api_url;
  SecretSource slack_app_token;
  std::string slack_app_url = SlackReceiver().app_url;
  std::string pagerduty_url;
  HttpSettings http;
  MailServer mail;
  std::string mail_from;
};
Global ReadGlobal(const Node* node, ReadContext& context, GlobalReceiverDefaults& defaults);
// The key "deadman".
DeadMan ReadDeadMan(MapReader& global, ReadContext& context);
// The key "audit".
AuditCopyTarget ReadAudit(MapReader& root, ReadContext& context);
Storage ReadStorage(const Node* node, ReadContext& context);
// What a level of services promises.
struct Objectives {
  std::optional<base::Duration> rpo, rto;
};
using Levels = std::map<std::string, Objectives>;
// The built-in ones with those of the key "levels" over them.
Levels ReadLevels(MapReader& reader);
Service ReadService(const Node& node, const Levels& levels, ReadContext& context);
Probe ReadProbe(const Node& node, const Global& global, ReadContext& context);
Receiver ReadReceiver(const Node& node, const GlobalReceiverDefaults& defaults,
                      ReadContext& context);
// "matchers", and the old "match" and "match_re", each behind `prefix`.
void ReadMatchers(MapReader& reader, const std::string& prefix, std::vector<model::Matcher>& out);
// "time_intervals" and their old name.
std::vector<TimeInterval> ReadTimeIntervals(MapReader& root, ReadContext& context);
std::vector<InhibitRule> ReadInhibitRules(MapReader& root, ReadContext& context);
std::vector<EscalationPolicy> ReadEscalationPolicies(MapReader& root, ReadContext& context);
// The root of the tree; children inherit.
Route ReadRootRoute(const Node& node, ReadContext& context);

// The parts of a probe that its type adds. The caller finishes `reader`.
PostgresProbe ReadPostgresProbe(MapReader& reader, ReadContext& context);
RedisProbe ReadRedisProbe(MapReader& reader, ReadContext& context);
HttpProbe ReadHttpProbe(MapReader& reader, ReadContext& context);
TcpProbe ReadTcpProbe(MapReader& reader, ReadContext& context);
ScrapeProbe ReadScrapeProbe(MapReader& reader, const std::string& name, ReadContext& context);
BackupProbe ReadBackupProbe(MapReader& reader, const std::string& name, ReadContext& context);
WalArchiveProbe ReadWalArchiveProbe(MapReader& reader, const std::string& name,
                                    ReadContext& context);

// "dsn", which must be there.
void GetDsn(MapReader& reader, ReadContext& context, base::Secret& out);

// "path" and "s3": a folder, made absolute, or a bucket with a prefix.
void GetPlace(MapReader& reader, ReadContext& context, PlaceAddress& out);
// "expect", after the place.
void GetBucketPromises(MapReader& reader, ReadContext& context, BackupProbe& probe);

// The conditions of one JSON path: a value, an operator with its operand, or a list of these.
std::vector<JsonCondition> ReadJsonConditions(const std::string& path, const Node& node,
                                              Problems& problems);

// The key "alerting".
std::vector<Alertmanagers> ReadAlerting(MapReader& root, ReadContext& context);

// What only the whole can tell: names given twice, references to nothing, circles, smells.
void CheckWhole(const Config& config, const ReadContext& context);

// Deadlines that no route can keep (errors); policies without a route and steps that reach nobody
// (warnings).
void CheckEscalations(const Config& config, Problems& problems);

// What the plan promises and cannot keep: objectives that the schedules cannot meet, copies nobody
// configured, nothing off-site. Warnings.
void CheckPlan(const Config& config, Problems& problems);

}  // namespace drwatch::config
