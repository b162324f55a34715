// What the readers of the config's sections share: paths, secrets, addresses, labels, choices, and
// references by name that are resolved at the end. Internal to this folder.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/node.h"

namespace drwatch::config {

// "service: shop", wherever it stands: looked up once everything is read.
struct Reference {
  enum class Kind {
    kService,
    kPostgresProbe,
    kBackupProbe,
    kReceiver,
    kTimeInterval,
    kEscalationPolicy
  };
  Kind kind;
  std::string name;
  Position position;
};

// Lives for one load. One thread.
struct ReadContext {
  Problems& problems;
  std::string folder;  // relative paths start here
  std::vector<Reference> references;
  // The first secret that stands in the file itself.
  std::optional<Position> inline_secret;
};

// It is "" or nothing, which is as good as no key for files, secrets and proxies, as in
// Alertmanager: files made from templates have it. What the environment left empty is a mistake.
bool IsBlank(const Node* node);

// What a parser said of `value`, which is a `what`. Messages of parsers quote parts of what they
// read, so nothing of them is shown where it may come from the environment.
void AddParseError(Problems& problems, const Node& value, std::string_view what,
                   const base::Error& error);

// Getters beyond MapReader's. Each marks its key as known, adds an error where the value is wrong
// and then leaves `out` alone.
void GetPositive(MapReader& reader, std::string_view key, base::Duration& out);
void GetPositive(MapReader& reader, std::string_view key, std::optional<base::Duration>& out);
void GetAtLeast(MapReader& reader, std::string_view key, int minimum, int& out);
void GetAtLeast(MapReader& reader, std::string_view key, int minimum, std::optional<int>& out);
void GetOptional(MapReader& reader, std::string_view key, std::optional<bool>& out);
void GetPositiveSize(MapReader& reader, std::string_view key, std::int64_t& out);
// Bytes per second: "50MiB/s", "50MiB" or "unlimited" (0).
void GetRate(MapReader& reader, std::string_view key, std::int64_t& out);
void GetRatio(MapReader& reader, std::string_view key, double& out);
// One of `words`.
void GetChoice(MapReader& reader, std::string_view key, const std::vector<std::string>& words,
               std::string& out);
// Text that is not empty, without control characters and at most 200 bytes.
void GetName(MapReader& reader, std::string_view key, std::string& out);
void GetReference(MapReader& reader, std::string_view key, Reference::Kind kind,
                  ReadContext& context, std::string& out);
// A path, made absolute.
void GetPath(MapReader& reader, std::string_view key, const ReadContext& context, std::string& out);
// The same for a file that must be readable now; "" is none.
void GetFile(MapReader& reader, std::string_view key, const ReadContext& context, std::string& out);
// `key` or `key`_file, which must be readable now. "" is none. Returns whether there is one, though
// it may be wrong.
bool GetSecret(MapReader& reader, const std::string& key, ReadContext& context, SecretSource& out);
// An http or https address.
void GetHttpUrl(MapReader& reader, std::string_view key, base::Secret& out);
void GetHttpUrl(MapReader& reader, std::string_view key, std::string& out);
// A map of label names and values; `reserved` names are refused, and so are those with "__".
void GetLabels(MapReader& reader, std::string_view key,
               std::initializer_list<std::string_view> reserved, model::Labels& out);
void GetRegexes(MapReader& reader, std::string_view key, std::vector<std::string>& out);
void GetTls(MapReader& reader, const ReadContext& context, Tls& out);
// The same under Prometheus' name of the key, with its form.
void GetTlsConfig(MapReader& reader, std::string_view key, const ReadContext& context, Tls& out);

// The items of the list `key`; a missing or empty one has none. Anything else is an error.
const std::vector<Node>& GetItems(MapReader& reader, std::string_view key);

std::string AbsolutePath(const ReadContext& context, const std::string& path);

}  // namespace drwatch::config
