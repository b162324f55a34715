#include "net/postgres_error.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace drwatch::net {
namespace {

using model::Reason;

constexpr std::size_t kMaxMessageBytes = 300;
constexpr std::size_t kSqlStateLength = 5;

struct Known {
  std::string_view text;
  Reason reason;
};

// PostgreSQL, appendix A. A code that is not here goes by its class, the first two characters.
constexpr std::array<Known, 20> kSqlStates = {{
    {"28", Reason::kAuth},  // 28000 no pg_hba.conf entry, no such role; 28P01 wrong password
    {"57P03", Reason::kStartingUp},
    {"53300", Reason::kTooManyConnections},
    {"3D000", Reason::kNotFound},
    {"42501", Reason::kPermission},
    {"25006", Reason::kPermission},
    {"57014", Reason::kTimeout},  // statement_timeout
    {"55P03", Reason::kTimeout},  // lock_timeout
    {"25P03", Reason::kTimeout},
    {"57P01", Reason::kConnectionReset},  // ended by an administrator
    {"57P02", Reason::kConnectionReset},
    {"57P05", Reason::kTimeout},
    {"53100", Reason::kStorage},
    {"58", Reason::kStorage},  // I/O errors of the server
    {"42883", Reason::kNotFound},
    {"42P01", Reason::kNotFound},
    {"42703", Reason::kNotFound},
    {"42704", Reason::kNotFound},
    {"0A000", Reason::kNotFound},  // this server does not have it
    {"XX00", Reason::kCorrupt},    // XX001 data_corrupted, XX002 index_corrupted; XX000 below
}};

Reason ReasonOfSqlState(std::string_view sqlstate) {
  if (sqlstate == "XX000") return Reason::kProtocol;
  for (const Known& known : kSqlStates) {
    if (sqlstate.starts_with(known.text)) return known.reason;
  }
  return Reason::kProtocol;
}

// libpq's own words (not translated: the program sets no locale), most telling first.
constexpr std::array<Known, 29> kLibpqTexts = {{
    {"root certificate file", Reason::kConfig},
    {"could not read certificate file", Reason::kConfig},
    {"private key file", Reason::kConfig},
    {"invalid sslmode value", Reason::kConfig},
    {"certificate verify failed", Reason::kTls},
    {"server certificate for", Reason::kTls},
    {"server does not support SSL", Reason::kTls},
    {"invalid response to SSL negotiation", Reason::kProtocol},
    {"expected authentication request", Reason::kProtocol},
    {"malformed", Reason::kProtocol},
    {"session is ", Reason::kWrongRole},  // target_session_attrs
    {"hot standby mode", Reason::kWrongRole},
    {"no password supplied", Reason::kAuth},
    {"SCRAM", Reason::kAuth},
    {"authentication", Reason::kAuth},
    {"closed the connection unexpectedly", Reason::kConnectionReset},
    {"EOF detected", Reason::kConnectionReset},
    {"Connection reset", Reason::kConnectionReset},
    {"Broken pipe", Reason::kConnectionReset},
    {"Connection refused", Reason::kConnectionRefused},
    {"No such file or directory", Reason::kConnectionRefused},
    {"unreachable", Reason::kConnectionRefused},
    {"No route to host", Reason::kConnectionRefused},
    {"Permission denied", Reason::kPermission},
    {"timed out", Reason::kTimeout},
    {"SSL error", Reason::kTls},
    {"could not receive data", Reason::kConnectionReset},
    {"could not send", Reason::kConnectionReset},
    {"out of memory", Reason::kInternal},
}};

Reason ReasonOfText(std::string_view text, PostgresStage stage) {
  for (const Known& known : kLibpqTexts) {
    if (text.find(known.text) != text.npos) return known.reason;
  }
  switch (stage) {
    case PostgresStage::kConnecting:
      return Reason::kConnectionRefused;
    case PostgresStage::kTls:
      return Reason::kTls;
    case PostgresStage::kStartup:
      return Reason::kProtocol;
  }
  return Reason::kProtocol;
}

bool IsStateCharacter(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }

// Where "XXXXX: " begins; npos if nowhere.
std::size_t FindStateAt(std::string_view text) {
  constexpr std::string_view kBefore = ":  ";
  for (std::size_t at = text.find(kBefore); at != text.npos; at = text.find(kBefore, at + 1)) {
    const std::string_view state = text.substr(at + kBefore.size(), kSqlStateLength);
    const std::size_t end = at + kBefore.size() + kSqlStateLength;
    if (state.size() == kSqlStateLength && end < text.size() && text[end] == ':' &&
        std::all_of(state.begin(), state.end(), IsStateCharacter)) {
      return at + kBefore.size();
    }
  }
  return text.npos;
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string_view FindSqlState(std::string_view text) {
  const std::size_t at = FindStateAt(text);
  return at == text.npos ? std::string_view() : text.substr(at, kSqlStateLength);
}

std::string CleanPostgresText(std::string_view text, const base::Secret& password) {
  // A hostile server may send back what it was told.
  std::string whole(text);
  ReplaceAll(whole, password.Reveal(), base::kRedacted);
  std::string clean;
  for (const std::string_view raw : base::Split(whole, '\n')) {
    const std::string_view line = base::Trim(raw);
    if (line.empty()) continue;
    if (line.starts_with("LOCATION:") && !clean.empty()) continue;
    if (!clean.empty()) clean += "; ";
    clean += line;
  }
  // "connection to server at "x", port 5432 failed: " says what the target says already.
  if (const std::size_t failed = clean.find(" failed: ");
      clean.starts_with("connection to server") && failed != clean.npos) {
    clean.erase(0, failed + std::string_view(" failed: ").size());
  }
  if (const std::size_t state = FindStateAt(clean); state != clean.npos) {
    clean.erase(0, state + kSqlStateLength + 1);
    clean = std::string(base::Trim(clean));
  }
  if (!base::IsValidUtf8(clean)) clean = base::Quote(clean);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return base::Truncate(clean, kMaxMessageBytes);
}

NetError ClassifyPostgresLogin(std::string_view text, PostgresStage stage,
                               const base::Secret& password) {
  const std::string_view sqlstate = FindSqlState(text);
  const Reason reason = sqlstate.empty() ? ReasonOfText(text, stage) : ReasonOfSqlState(sqlstate);
  std::string message = CleanPostgresText(text, password);
  if (message.empty()) message = "the server gave no reason";
  return {reason, std::move(message)};
}

NetError ClassifyPostgresStatement(std::string_view sqlstate, std::string_view message,
                                   const base::Secret& password) {
  std::string clean = CleanPostgresText(message, password);
  if (clean.empty()) clean = "the statement failed without a message";
  return {ReasonOfSqlState(sqlstate), std::move(clean)};
}

}  // namespace drwatch::net
