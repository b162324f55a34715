// What the readers of the kinds of integrations share. Internal to this folder.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/sections.h"

namespace drwatch::config {

using Templates = std::vector<TemplateText>;

// Keys Alertmanager has and drwatch has not: said as such, so that nobody looks for a typing error.
void RefuseAll(MapReader& reader, std::initializer_list<std::string_view> keys);
// A text that is expanded later, remembered in `templates` to be checked. `kind` names the list it
// stands in.
void GetTemplate(MapReader& reader, const std::string& kind, std::string_view key, std::string& out,
                 Templates& templates);
// A map of names and such texts.
void GetTemplates(MapReader& reader, const std::string& kind, std::string_view key, NamedTexts& out,
                  Templates& templates);

// "timeout" of an attempt; 0s, as Alertmanager writes its default, is as if it were not there.
void GetTimeout(MapReader& reader, std::optional<base::Duration>& out);

// The webhook's address is the secret, so what is wrong with it is said without it.
void CheckSecretUrl(MapReader& reader, std::string_view key, const SecretSource& source);
// The keys of "http_config" where they stand in `reader` itself; the caller finishes it.
void ReadHttpKeys(MapReader& reader, ReadContext& context, HttpSettings& out);
// "http_config"; without it `out` stays as it is.
void ReadHttpSettings(MapReader& parent, ReadContext& context, HttpSettings& out);

PagerDutyReceiver ReadPagerDuty(const Node& node, const GlobalReceiverDefaults& defaults,
                                ReadContext& context, Templates& templates);
SlackReceiver ReadSlack(const Node& node, const GlobalReceiverDefaults& defaults,
                        ReadContext& context, Templates& templates);
StatuspageReceiver ReadStatuspage(const Node& node, const GlobalReceiverDefaults& defaults,
                                  ReadContext& context, Templates& templates);
EmailReceiver ReadEmail(const Node& node, const GlobalReceiverDefaults& defaults,
                        ReadContext& context, Templates& templates);
// smarthost, hello, auth_*, tls_config ..., each behind `prefix`; what is not there stays as it is.
void ReadMailServer(MapReader& reader, const std::string& prefix, ReadContext& context,
                    MailServer& out);
// One address, unless it is a template.
void CheckSender(MapReader& reader, std::string_view key, const std::string& text);

}  // namespace drwatch::config
