#include "config/web_config.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/strings.h"
#include "config/reading.h"

namespace drwatch::config {
namespace {

constexpr std::int64_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxUsers = 1000;

// The suites that Go's TLS can be told to use; those of TLS 1.3 cannot be chosen.
constexpr std::string_view kCipherSuites[] = {"TLS_RSA_WITH_AES_128_CBC_SHA",
                                              "TLS_RSA_WITH_AES_256_CBC_SHA",
                                              "TLS_RSA_WITH_AES_128_GCM_SHA256",
                                              "TLS_RSA_WITH_AES_256_GCM_SHA384",
                                              "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
                                              "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                              "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
                                              "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
                                              "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                              "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                              "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                              "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                              "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
                                              "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                                              "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
                                              "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                              "TLS_AES_128_GCM_SHA256",
                                              "TLS_AES_256_GCM_SHA384",
                                              "TLS_CHACHA20_POLY1305_SHA256"};
constexpr std::string_view kCurves[] = {"CurveP256", "CurveP384", "CurveP521", "X25519"};

template <std::size_t N>
void GetNames(MapReader& reader, std::string_view key, const std::string_view (&known)[N],
              std::vector<std::string>& out) {
  reader.Get(key, out);
  for (const std::string& name : out) {
    if (std::find(std::begin(known), std::end(known), name) == std::end(known)) {
      reader.Error(*reader.Take(key), base::Quote(key) + " has the unknown name " +
                                          base::Quote(base::Truncate(name, 100)));
    }
  }
}

void GetPem(MapReader& reader, const std::string& key, const ReadContext& context, Pem& out) {
  std::string text;
  reader.Get(key, text);
  const std::string file_key = key + "_file";
  GetPath(reader, file_key, context, out.file);
  if (!text.empty() && !out.file.empty()) {
    reader.Error(*reader.Take(key),
                 base::Quote(key) + " and " + base::Quote(file_key) + " exclude each other");
    return;
  }
  out.text = base::Secret(std::move(text));
  if (out.file.empty()) return;
  base::Result<std::string> read = base::ReadFile(out.file, kMaxFileBytes);
  if (read) {
    out.text = base::Secret(*std::move(read));
  } else {
    reader.Error(*reader.Take(file_key), read.error().message);
  }
}

template <typename T>
void GetWord(MapReader& reader, std::string_view key,
             const std::vector<std::pair<std::string, T>>& words, T& out) {
  std::vector<std::string> known;
  for (const auto& [word, value] : words) known.push_back(word);
  std::string text;
  GetChoice(reader, key, known, text);
  for (const auto& [word, value] : words) {
    if (word == text) out = value;
  }
}

void ReadTls(const Node& node, const ReadContext& context, WebConfig& config) {
  MapReader reader(node, context.problems, "tls_server_config");
  WebTls tls;
  GetPem(reader, "cert", context, tls.cert);
  GetPem(reader, "key", context, tls.key);
  GetWord<ClientAuth>(reader, "client_auth_type",
                      {{"NoClientCert", ClientAuth::kNone},
                       {"RequestClientCert", ClientAuth::kRequest},
                       {"RequireAnyClientCert", ClientAuth::kRequireAny},
                       {"RequireClientCert", ClientAuth::kRequireAny},
                       {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
                       {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify}},
                      tls.client_auth);
  GetPem(reader, "client_ca", context, tls.client_ca);
  reader.Get("client_allowed_sans", tls.client_allowed_sans);
  const std::vector<std::pair<std::string, TlsVersion>> versions = {{"TLS10", TlsVersion::k10},
                                                                    {"TLS11", TlsVersion::k11},
                                                                    {"TLS12", TlsVersion::k12},
                                                                    {"TLS13", TlsVersion::k13}};
  GetWord(reader, "min_version", versions, tls.min_version);
  GetWord(reader, "max_version", versions, tls.max_version);
  GetNames(reader, "cipher_suites", kCipherSuites, tls.cipher_suites);
  GetNames(reader, "curve_preferences", kCurves, tls.curve_preferences);
  bool prefer_server = true;  // Go looks at it no more, and drwatch always prefers its own order
  reader.Get("prefer_server_cipher_suites", prefer_server);
  reader.Finish();
  if (tls.cert.text.empty()) reader.Error(node, "\"cert\" or \"cert_file\" is missing");
  if (tls.key.text.empty()) reader.Error(node, "\"key\" or \"key_file\" is missing");
  const bool verifies = tls.client_auth == ClientAuth::kVerifyIfGiven ||
                        tls.client_auth == ClientAuth::kRequireAndVerify;
  if (verifies && tls.client_ca.text.empty()) {
    reader.Error(node, "\"client_ca\" or \"client_ca_file\" is missing",
                 "this client_auth_type verifies certificates by it");
  }
  if (!verifies && !tls.client_ca.text.empty()) {
    reader.Error(node, "a client CA without verification",
                 "client_auth_type: RequireAndVerifyClientCert");
  }
  if (!tls.client_allowed_sans.empty() && tls.client_auth != ClientAuth::kRequireAndVerify) {
    reader.Error(node, "\"client_allowed_sans\" needs client_auth_type RequireAndVerifyClientCert");
  }
  if (tls.min_version > tls.max_version) {
    reader.Error(node, "\"min_version\" is above \"max_version\"");
  }
  for (const Pem* pem : {&tls.cert, &tls.key, &tls.client_ca}) {
    if (!pem->file.empty()) config.files.push_back(pem->file);
  }
  config.tls = std::move(tls);
}

void ReadHeaders(const Node& node, Problems& problems, WebConfig& config) {
  MapReader reader(node, problems, "headers");
  const auto get = [&](std::string_view name, const std::vector<std::string>& words) {
    std::string value;
    reader.Get(name, value);
    if (value.empty()) return;
    const bool fine =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7f; });
    if (!fine || (!words.empty() &&
                  std::find(words.begin(), words.end(), base::Lower(value)) == words.end())) {
      reader.Error(*reader.Take(name), base::Quote(name) + " cannot have this value",
                   words.empty() ? "printable ASCII only" : "use " + base::Join(words, " or "));
      return;
    }
    config.headers.emplace_back(std::string(name), value);
  };
  get("Content-Security-Policy", {});
  get("X-Frame-Options", {"deny", "sameorigin"});
  get("X-Content-Type-Options", {"nosniff"});
  get("X-XSS-Protection", {});
  get("Strict-Transport-Security", {});
  reader.Finish();
}

void ReadServer(const Node& node, Problems& problems, WebConfig& config) {
  MapReader reader(node, problems, "http_server_config");
  bool http2 = true;  // drwatch speaks HTTP/1.1
  reader.Get("http2", http2);
  const Node* headers = reader.Take("headers");
  if (headers != nullptr && headers->kind != NodeKind::kNull) {
    ReadHeaders(*headers, problems, config);
  }
  reader.Finish();
}

void ReadUsers(const Node& node, Problems& problems, WebConfig& config) {
  if (node.kind != NodeKind::kMap) {
    problems.AddError(node.position, "\"basic_auth_users\" must be a map of names and hashes");
    return;
  }
  if (node.entries.size() > kMaxUsers) {
    problems.AddError(node.position, "more than " + std::to_string(kMaxUsers) + " users");
    return;
  }
  for (const MapEntry& entry : node.entries) {
    const std::string& name = entry.key.scalar;
    if (name.empty() || name.find(':') != std::string::npos) {
      problems.AddError(entry.key.position, "a user's name must not be empty or have a colon");
    } else if (entry.value.kind != NodeKind::kScalar || !IsBcryptHash(entry.value.scalar)) {
      problems.AddError(entry.value.position,
                        "the password of user " + base::Quote(name) + " is no bcrypt hash",
                        "htpasswd -nBC 10 \"\" prints one; its cost is at most " +
                            std::to_string(kMaxBcryptCost));
    } else {
      config.users.emplace_back(name, base::Secret(entry.value.scalar));
    }
  }
}

}  // namespace

bool IsBcryptHash(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (text.size() != 60 || text[3] != '$' || text[6] != '$') return false;
  const std::string_view kind = text.substr(0, 3);
  if (kind != "$2a" && kind != "$2b" && kind != "$2y") return false;
  const auto cost = base::ParseInt(text.substr(4, 2));
  return cost && *cost >= 4 && *cost <= kMaxBcryptCost &&
         text.find_first_not_of(kAlphabet, 7) == std::string_view::npos;
}

std::optional<WebConfig> LoadWebConfig(const std::string& path, Problems& problems) {
  WebConfig config;
  if (path.empty()) return config;
  config.files.push_back(path);
  const base::Result<std::string> text = base::ReadFile(path, kMaxFileBytes);
  if (!text) {
    problems.AddError({path, 0, 0}, text.error().message);
    return std::nullopt;
  }
  Problems found;
  const std::optional<Node> root = ParseYaml(*text, path, found);
  if (root && root->kind != NodeKind::kNull) {
    std::error_code error;
    const std::string folder = std::filesystem::absolute(path, error).parent_path().string();
    ReadContext context{found, folder, {}, {}};
    MapReader reader(*root, found, "the web config");
    if (const Node* tls = reader.Take("tls_server_config");
        tls != nullptr && tls->kind != NodeKind::kNull) {
      ReadTls(*tls, context, config);
    }
    if (const Node* server = reader.Take("http_server_config");
        server != nullptr && server->kind != NodeKind::kNull) {
      ReadServer(*server, found, config);
    }
    if (const Node* users = reader.Take("basic_auth_users");
        users != nullptr && users->kind != NodeKind::kNull) {
      ReadUsers(*users, found, config);
    }
    reader.Refuse("rate_limit", "is not supported",
                  "drwatch limits connections, queries and bodies by itself");
    reader.Finish();
  }
  for (const Problem& problem : found.all()) {
    if (problem.kind == Problem::Kind::kError) {
      problems.AddError(problem.position, problem.message, problem.hint);
    } else {
      problems.AddWarning(problem.position, problem.message, problem.hint);
    }
  }
  if (found.HasErrors()) return std::nullopt;
  return config;
}

}  // namespace drwatch::config
