#include "config/reading.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "config/hint.h"
#include "config/url.h"
#include "model/matcher.h"

namespace drwatch::config {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

std::string MustBe(std::string_view key, std::string_view what) {
  return base::Quote(key) + " must be " + std::string(what);
}

// Text that is there and not empty.
const Node* TakeText(MapReader& reader, std::string_view key, std::string& out) {
  const Node* node = reader.Take(key);
  std::string text;
  reader.Get(key, text);
  if (node == nullptr || node->kind != NodeKind::kScalar) return nullptr;
  if (text.empty()) {
    reader.Error(*node, base::Quote(key) + " is empty");
    return nullptr;
  }
  out = std::move(text);
  return node;
}

bool CheckHttpUrl(MapReader& reader, std::string_view key, const Node& node,
                  const std::string& text) {
  const base::Result<Url> url = ParseUrl(text);
  if (!url) {
    reader.Error(node, base::Quote(key) + " is not an address: " + url.error().message,
                 url.error().hint);
    return false;
  }
  if (url->scheme == "http" || url->scheme == "https") return true;
  reader.Error(node, base::Quote(key) + " must begin with http:// or https://");
  return false;
}

void ReadTls(MapReader& tls, const ReadContext& context, Tls& out) {
  GetFile(tls, "ca_file", context, out.ca_file);
  GetFile(tls, "cert_file", context, out.cert_file);
  GetFile(tls, "key_file", context, out.key_file);
  if (!IsBlank(tls.Take("server_name"))) GetName(tls, "server_name", out.server_name);
  tls.Get("insecure_skip_verify", out.insecure_skip_verify);
  tls.Finish();
  if (out.cert_file.empty() != out.key_file.empty()) {
    tls.Error(tls.node(), "\"cert_file\" and \"key_file\" belong together");
  }
}

}  // namespace

bool IsBlank(const Node* node) {
  if (node == nullptr || node->expanded) return false;
  return node->kind == NodeKind::kNull || (node->kind == NodeKind::kScalar && node->scalar.empty());
}

void AddParseError(Problems& problems, const Node& value, std::string_view what,
                   const base::Error& error) {
  if (value.expanded) {
    problems.AddError(value.position,
                      "bad " + std::string(what) + ": a value from the environment");
  } else {
    problems.AddError(value.position, error.message, error.hint);
  }
}

void GetPositive(MapReader& reader, std::string_view key, base::Duration& out) {
  std::optional<base::Duration> value;
  GetPositive(reader, key, value);
  if (value) out = *value;
}

void GetPositive(MapReader& reader, std::string_view key, std::optional<base::Duration>& out) {
  std::optional<base::Duration> value;
  reader.GetDuration(key, value);
  if (!value) return;
  if (*value <= base::Duration(0)) {
    reader.Error(*reader.Take(key), MustBe(key, "longer than 0"));
    return;
  }
  out = value;
}

void GetAtLeast(MapReader& reader, std::string_view key, int minimum, int& out) {
  std::optional<int> value;
  GetAtLeast(reader, key, minimum, value);
  if (value) out = *value;
}

void GetAtLeast(MapReader& reader, std::string_view key, int minimum, std::optional<int>& out) {
  int value = minimum;
  const std::size_t before = reader.problems().all().size();
  reader.Get(key, value);
  const Node* node = reader.Take(key);
  if (node == nullptr || reader.problems().all().size() != before) return;
  if (value < minimum) {
    reader.Error(*node, MustBe(key, "at least " + std::to_string(minimum)));
  } else {
    out = value;
  }
}

void GetOptional(MapReader& reader, std::string_view key, std::optional<bool>& out) {
  bool value = false;
  const std::size_t before = reader.problems().all().size();
  reader.Get(key, value);
  if (reader.Take(key) != nullptr && reader.problems().all().size() == before) out = value;
}

void GetPositiveSize(MapReader& reader, std::string_view key, std::int64_t& out) {
  std::int64_t value = out;
  reader.GetSize(key, value);
  if (value < 1) {
    reader.Error(*reader.Take(key), MustBe(key, "larger than 0"));
  } else {
    out = value;
  }
}

void GetRate(MapReader& reader, std::string_view key, std::int64_t& out) {
  std::string text;
  reader.Get(key, text);
  const Node* node = reader.Take(key);
  if (node == nullptr || node->kind != NodeKind::kScalar) return;
  std::string_view amount = text;
  if (amount.ends_with("/s")) amount.remove_suffix(2);
  const base::Result<std::int64_t> bytes = base::ParseSize(base::Trim(amount));
  if (text == "unlimited" || bytes) {
    out = bytes.value_or(0);
  } else {
    reader.Error(*node, base::Quote(key) + " must be a rate", "such as 50MiB/s or unlimited");
  }
}

void GetRatio(MapReader& reader, std::string_view key, double& out) {
  double value = out;
  reader.Get(key, value);
  if (value >= 0 && value <= 1) {
    out = value;
  } else {
    reader.Error(*reader.Take(key), MustBe(key, "between 0 and 1"), "80 percent is written 0.8");
  }
}

void GetChoice(MapReader& reader, std::string_view key, const std::vector<std::string>& words,
               std::string& out) {
  std::string text;
  const Node* node = TakeText(reader, key, text);
  if (node == nullptr) return;
  if (std::find(words.begin(), words.end(), text) != words.end()) {
    out = std::move(text);
    return;
  }
  const std::string value = node->expanded ? "a value from the environment" : base::Quote(text);
  reader.Error(*node, MustBe(key, "one of " + base::Join(words, ", ") + ", not " + value));
}

void GetName(MapReader& reader, std::string_view key, std::string& out) {
  std::string text;
  const Node* node = TakeText(reader, key, text);
  if (node == nullptr) return;
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (control || text.size() > kMaxNameBytes) {
    reader.Error(*node,
                 MustBe(key, "one line of at most " + std::to_string(kMaxNameBytes) + " bytes"));
    return;
  }
  out = std::move(text);
}

void GetReference(MapReader& reader, std::string_view key, Reference::Kind kind,
                  ReadContext& context, std::string& out) {
  const Node* node = TakeText(reader, key, out);
  if (node != nullptr) context.references.push_back({kind, out, node->position});
}

std::string AbsolutePath(const ReadContext& context, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute()) return path;
  return (std::filesystem::path(context.folder) / given).lexically_normal().string();
}

void GetPath(MapReader& reader, std::string_view key, const ReadContext& context,
             std::string& out) {
  std::string text;
  if (TakeText(reader, key, text) != nullptr) out = AbsolutePath(context, text);
}

void GetFile(MapReader& reader, std::string_view key, const ReadContext& context,
             std::string& out) {
  if (IsBlank(reader.Take(key))) return;
  GetPath(reader, key, context, out);
  if (out.empty() || ::access(out.c_str(), R_OK) == 0) return;
  reader.Error(*reader.Take(key),
               "cannot read " + base::Quote(out) + ": " + base::ErrnoText(errno));
}

bool GetSecret(MapReader& reader, const std::string& key, ReadContext& context, SecretSource& out) {
  const std::string file_key = key + "_file";
  const bool has_value = reader.Has(key) && !IsBlank(reader.Take(key));
  const bool has_file = reader.Has(file_key) && !IsBlank(reader.Take(file_key));
  std::string text;
  const Node* value = has_value ? TakeText(reader, key, text) : nullptr;
  if (has_file) GetPath(reader, file_key, context, out.file);
  if (value != nullptr) {
    out.value = base::Secret(text);
    if (!value->expanded && !context.inline_secret) context.inline_secret = value->position;
  }
  const bool given = has_value || has_file;
  if (out.file.empty()) return given;
  const Node& file_node = *reader.Take(file_key);
  if (value != nullptr) {
    reader.Error(file_node, base::Quote(key) + " and " + base::Quote(file_key) + " are both given",
                 "keep one of them");
  } else if (const base::Result<base::Secret> secret = ReadSecret(out); !secret) {
    reader.Error(file_node, base::Quote(file_key) + ": " + secret.error().message,
                 secret.error().hint);
  }
  return given;
}

void GetHttpUrl(MapReader& reader, std::string_view key, base::Secret& out) {
  std::string text;
  GetHttpUrl(reader, key, text);
  if (!text.empty()) out = base::Secret(std::move(text));
}

void GetHttpUrl(MapReader& reader, std::string_view key, std::string& out) {
  std::string text;
  const Node* node = TakeText(reader, key, text);
  if (node != nullptr && CheckHttpUrl(reader, key, *node, text)) out = std::move(text);
}

void GetLabels(MapReader& reader, std::string_view key,
               std::initializer_list<std::string_view> reserved, model::Labels& out) {
  std::vector<std::pair<std::string, std::string>> labels;
  reader.Get(key, labels);
  const Node* node = reader.Take(key);
  if (node == nullptr || node->kind != NodeKind::kMap) return;
  for (const auto& [name, value] : node->entries) {
    if (!model::IsValidLabelName(name.scalar)) {
      reader.Error(name, "invalid label name " + base::Quote(name.scalar),
                   "letters, digits and _, not beginning with a digit");
    } else if (name.scalar.starts_with("__") ||
               std::find(reserved.begin(), reserved.end(), name.scalar) != reserved.end()) {
      reader.Error(name, "the label " + base::Quote(name.scalar) + " is drwatch's own",
                   "choose another name");
    }
  }
  out = model::Labels(std::move(labels));
}

void GetRegexes(MapReader& reader, std::string_view key, std::vector<std::string>& out) {
  reader.Get(key, out);
  const Node* node = reader.Take(key);
  if (node == nullptr) return;
  for (const Node& item : node->items) {
    if (item.kind != NodeKind::kScalar) continue;
    const base::Status status = model::CheckRegex(item.scalar);
    if (!status) AddParseError(reader.problems(), item, "regular expression", status.error());
  }
}

void GetTls(MapReader& reader, const ReadContext& context, Tls& out) {
  if (const Node* node = reader.Take("tls")) {
    MapReader tls(*node, context.problems, "tls");
    ReadTls(tls, context, out);
  }
}

void GetTlsConfig(MapReader& reader, std::string_view key, const ReadContext& context, Tls& out) {
  const Node* node = reader.Take(key);
  if (node == nullptr) return;
  MapReader tls(*node, context.problems, std::string(key));
  for (const std::string_view part : {"ca", "cert", "key"}) {
    tls.Refuse(part, "is not supported", "use " + base::Quote(std::string(part) + "_file"));
  }
  for (const std::string_view part :
       {"min_version", "max_version", "ca_ref", "cert_ref", "key_ref"}) {
    tls.Refuse(part, "is not supported yet");
  }
  ReadTls(tls, context, out);
}

const std::vector<Node>& GetItems(MapReader& reader, std::string_view key) {
  static const std::vector<Node> kNone;
  const Node* node = reader.Take(key);
  if (node == nullptr || node->kind == NodeKind::kNull) return kNone;
  if (node->kind == NodeKind::kSequence) return node->items;
  reader.Error(*node, MustBe(key, "a list"), "one item a line after \"- \"");
  return kNone;
}

}  // namespace drwatch::config
