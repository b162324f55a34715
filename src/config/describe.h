// The parts of DescribeConfig. Internal to this folder.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/yaml_writer.h"

namespace drwatch::config {

// `key`_file: the path, or `key`: <secret>, or nothing for an empty one.
void WriteSecret(YamlWriter& out, const std::string& key, const SecretSource& source);
// "dsn" without its password.
void WriteDsn(YamlWriter& out, const base::Secret& dsn);
// The keys a probe's type adds.
void WriteProbeSpec(YamlWriter& out, const ProbeSpec& spec);
void WriteTimeIntervals(YamlWriter& out, const std::vector<TimeInterval>& intervals);
void WriteEscalationPolicies(YamlWriter& out, const std::vector<EscalationPolicy>& policies);
void WriteReceivers(YamlWriter& out, const std::vector<Receiver>& receivers);
void WriteAlertmanagers(YamlWriter& out, const std::vector<Alertmanagers>& alertmanagers);
// False if there is nothing to say.
bool WriteTls(YamlWriter& out, std::string_view key, const Tls& tls);
void WriteInhibitRules(YamlWriter& out, const std::vector<InhibitRule>& rules);

}  // namespace drwatch::config
