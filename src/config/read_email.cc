#include <algorithm>
#include <set>

#include "base/strings.h"
#include "config/mail_address.h"
#include "config/receiver_reading.h"
#include "config/url.h"

namespace drwatch::config {
namespace {

bool IsTemplate(std::string_view text) { return text.find("{{") != std::string_view::npos; }

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// RFC 5322 2.2: a name that is none would end the header.
void CheckHeaders(MapReader& reader) {
  const Node* node = reader.Take("headers");
  if (node == nullptr || node->kind != NodeKind::kMap) return;
  std::set<std::string> seen;
  for (const auto& [name, value] : node->entries) {
    const bool proper = !name.scalar.empty() && name.scalar.size() <= 76 &&
                        std::all_of(name.scalar.begin(), name.scalar.end(),
                                    [](char c) { return c > 0x20 && c < 0x7f && c != ':'; });
    if (!proper) {
      reader.Error(name, "invalid header name " + base::Quote(name.scalar));
    } else if (base::Lower(name.scalar).starts_with("content-") ||
               base::Lower(name.scalar) == "mime-version") {
      reader.Error(name, "the header " + base::Quote(name.scalar) + " is drwatch's own");
    } else if (!seen.insert(base::Lower(name.scalar)).second) {
      reader.Error(name, "duplicate header " + base::Quote(name.scalar),
                   "upper and lower case are the same");
    }
  }
}

void CheckRecipients(MapReader& reader, const std::string& text) {
  const Node* node = reader.Take("to");
  if (node == nullptr || IsTemplate(text)) return;
  const auto addresses = ParseMailAddresses(text);
  if (!addresses) AddParseError(reader.problems(), *node, "address", addresses.error());
}

// PLAIN and LOGIN show it to everybody on the way, and are not used then.
void CheckEncryption(MapReader& reader, const MailServer& server) {
  const base::Result<Url> host = ParseHostPort(server.smarthost);
  if (!host || server.username.empty() || server.require_tls || server.force_implicit_tls) return;
  const bool local =
      host->host == "localhost" || host->host == "::1" || host->host.starts_with("127.");
  if (local || host->port == 465) return;
  reader.problems().AddWarning(reader.position(),
                               "without \"require_tls\" the password is sent to " +
                                   base::Quote(server.smarthost) + " by CRAM-MD5 only",
                               "leave require_tls at true");
}

}  // namespace

void CheckSender(MapReader& reader, std::string_view key, const std::string& text) {
  const Node* node = reader.Take(key);
  if (node == nullptr || IsTemplate(text)) return;
  const auto addresses = ParseMailAddresses(text);
  if (!addresses) {
    AddParseError(reader.problems(), *node, "address", addresses.error());
  } else if (addresses->size() > 1) {
    reader.Error(*node, base::Quote(key) + " takes one address");
  }
}

void ReadMailServer(MapReader& reader, const std::string& prefix, ReadContext& context,
                    MailServer& out) {
  const std::string smarthost = prefix + "smarthost";
  reader.Get(smarthost, out.smarthost);
  const Node* node = reader.Take(smarthost);
  if (node != nullptr && !ParseHostPort(out.smarthost)) {
    reader.Error(*node, base::Quote(smarthost) + " must be host:port",
                 "such as mail.example.com:587");
  }
  GetName(reader, prefix + "hello", out.hello);
  if (out.hello.find_first_of(" <>") != std::string::npos) {
    reader.Error(*reader.Take(prefix + "hello"),
                 base::Quote(prefix + "hello") + " must be a host name or [address]");
  }
  reader.Get(prefix + "auth_username", out.username);
  SecretSource secret;
  GetSecret(reader, prefix + "auth_secret", context, secret);
  SecretSource password;
  GetSecret(reader, prefix + "auth_password", context, password);
  if (!password.empty() || !secret.empty()) out.password = password.empty() ? secret : password;
  reader.Get(prefix + "auth_identity", out.identity);
  for (const char* key : {"auth_username", "auth_identity"}) {
    const Node* named = reader.Take(prefix + key);
    if (named != nullptr && HasControl(named->scalar)) {
      reader.Error(*named, base::Quote(prefix + key) + " must be one line");
    }
  }
  reader.Get(prefix + "require_tls", out.require_tls);
  reader.Get(prefix + "force_implicit_tls", out.force_implicit_tls);
  GetTlsConfig(reader, prefix + "tls_config", context, out.tls);
}

EmailReceiver ReadEmail(const Node& node, const GlobalReceiverDefaults& defaults,
                        ReadContext& context, Templates& templates) {
  EmailReceiver receiver;
  receiver.server = defaults.mail;
  receiver.from = defaults.mail_from;
  const std::string kind = "email_configs";
  MapReader reader(node, context.problems, kind);
  reader.Require("to");
  GetTemplate(reader, kind, "to", receiver.to, templates);
  CheckRecipients(reader, receiver.to);
  GetTemplate(reader, kind, "from", receiver.from, templates);
  CheckSender(reader, "from", receiver.from);
  ReadMailServer(reader, "", context, receiver.server);
  GetTemplates(reader, kind, "headers", receiver.headers, templates);
  CheckHeaders(reader);
  GetTemplate(reader, kind, "html", receiver.html, templates);
  GetTemplate(reader, kind, "text", receiver.text, templates);
  reader.Get("send_resolved", receiver.send_resolved);
  RefuseAll(reader, {"threading", "attachments"});
  if (receiver.server.smarthost.empty()) {
    reader.Error(node, "email_configs needs \"smarthost\"", "or smtp_smarthost under global");
  }
  if (receiver.from.empty()) {
    reader.Error(node, "email_configs needs \"from\"", "or smtp_from under global");
  }
  CheckEncryption(reader, receiver.server);
  reader.Finish();
  return receiver;
}

}  // namespace drwatch::config
