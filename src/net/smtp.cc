#include "net/smtp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/strings.h"
#include "net/tls_socket.h"

namespace drwatch::net {
namespace {

using model::Reason;
using Step = MailRefusal::Step;

constexpr std::size_t kMaxLineBytes = 4096;  // of a reply; RFC 5321 says 512
constexpr std::size_t kMaxReplyBytes = 64 << 10;
constexpr base::Duration kQuitTime{200};

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // without the codes
};

std::string EncodeBase64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

// nullopt if it is none.
std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::string HmacMd5Hex(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(),
           &size) == nullptr) {
    return {};
  }
  return base::Hex({reinterpret_cast<const char*>(digest.data()), size});
}

// Printable ASCII without blanks and brackets: what cannot become a second command.
bool FitsInCommand(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '<' && c != '>';
  });
}

std::string OneLine(const std::vector<std::string>& lines) {
  std::string text = base::Join(lines, " ");
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

// Every line break becomes CR LF, and a dot at the start of a line two (RFC 5321 4.5.2): what the
// message says cannot end it. The end mark is appended.
std::string Stuff(std::string_view message) {
  std::string out;
  out.reserve(message.size() + message.size() / 32 + 8);
  bool line_begins = true;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    if (c == '\r' || c == '\n') {
      if (c == '\r' && i + 1 < message.size() && message[i + 1] == '\n') ++i;
      out += "\r\n";
      line_begins = true;
      continue;
    }
    if (c == '.' && line_begins) out += '.';
    out += c;
    line_begins = false;
  }
  if (!line_begins) out += "\r\n";
  return out + ".\r\n";
}

// What ends a conversation early.
struct End {
  std::optional<NetError> error;
  std::optional<MailRefusal> refusal;
};
template <typename T>
using Talk = tl::expected<T, End>;

tl::unexpected<End> Broken(NetError error) {
  return tl::unexpected<End>(End{std::move(error), {}});
}
tl::unexpected<End> Broken(Reason reason, std::string message) {
  return Broken(NetError{reason, std::move(message)});
}
tl::unexpected<End> Refused(Step step, const Reply& reply) {
  return tl::unexpected<End>(End{{}, MailRefusal{step, reply.code, OneLine(reply.lines)}});
}

// One conversation with one server.
class Conversation {
 public:
  Conversation(const MailRequest& request, base::Deadline deadline, const base::StopToken& stop)
      : request_(request), deadline_(deadline), stop_(stop), peer_(request.server.ToString()) {}

  Talk<void> Run(std::vector<std::string>& refused_recipients);

 private:
  Talk<void> Connect();
  Talk<void> Secure();
  Talk<void> Greet();
  Talk<void> LogIn();
  Talk<void> LogInBy(const std::string& mechanism);
  Talk<void> Address(std::vector<std::string>& refused_recipients);
  Talk<void> Send();
  void Quit();

  Talk<std::string> ReadLine();
  Talk<Reply> ReadReply();
  Talk<Reply> Ask(std::string_view command);
  // As Ask; a reply whose code does not begin with `wanted` is a refusal.
  Talk<Reply> Demand(Step step, int wanted, std::string_view command);
  Talk<void> StartTls();
  bool IsLocal() const;

  const MailRequest& request_;
  const base::Deadline deadline_;
  const base::StopToken& stop_;
  const std::string peer_;
  std::optional<Socket> socket_;
  std::string buffer_;
  std::map<std::string, std::string> offers_;  // EHLO's keywords and their parameters
  bool encrypted_ = false;
};

Talk<std::string> Conversation::ReadLine() {
  while (true) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line(base::Trim(std::string_view(buffer_).substr(0, end)));
      buffer_.erase(0, end + 1);
      return line;
    }
    if (buffer_.size() > kMaxLineBytes) {
      return Broken(Reason::kProtocol, peer_ + ": a line of the answer is too long");
    }
    std::array<char, 4096> chunk{};
    const NetResult<std::size_t> got = socket_->Read(chunk.data(), chunk.size(), deadline_, stop_);
    if (!got) return Broken(got.error());
    if (*got == 0) return Broken(Reason::kConnectionReset, peer_ + ": closed the connection");
    buffer_.append(chunk.data(), *got);
  }
}

Talk<Reply> Conversation::ReadReply() {
  Reply reply;
  std::size_t bytes = 0;
  while (true) {
    const Talk<std::string> line = ReadLine();
    if (!line) return tl::unexpected(line.error());
    bytes += line->size();
    const auto code = base::ParseInt(line->substr(0, 3));
    const bool proper = line->size() >= 3 && code && *code >= 200 && *code <= 599 &&
                        (line->size() == 3 || (*line)[3] == ' ' || (*line)[3] == '-') &&
                        (reply.lines.empty() || reply.code == *code) && bytes <= kMaxReplyBytes;
    if (!proper) return Broken(Reason::kProtocol, peer_ + ": the answer is not SMTP");
    reply.code = static_cast<int>(*code);
    reply.lines.push_back(line->size() > 4 ? line->substr(4) : "");
    if (line->size() == 3 || (*line)[3] == ' ') return reply;
  }
}

Talk<Reply> Conversation::Ask(std::string_view command) {
  const NetResult<void> sent = socket_->WriteAll(std::string(command) + "\r\n", deadline_, stop_);
  if (!sent) return Broken(sent.error());
  return ReadReply();
}

Talk<Reply> Conversation::Demand(Step step, int wanted, std::string_view command) {
  Talk<Reply> reply = Ask(command);
  if (reply && reply->code / 100 != wanted) return Refused(step, *reply);
  return reply;
}

Talk<void> Conversation::StartTls() {
  const NetResult<void> secured =
      socket_->StartTls(request_.tls, request_.server.host, deadline_, stop_);
  if (!secured) return Broken(secured.error());
  encrypted_ = true;
  return {};
}

Talk<void> Conversation::Connect() {
  NetResult<Socket> socket = Socket::Connect(request_.server, IpFamily::kAny, deadline_, stop_);
  if (!socket) return Broken(socket.error());
  socket_ = std::move(*socket);
  if (request_.security == MailSecurity::kImplicitTls) {
    if (Talk<void> secured = StartTls(); !secured) return secured;
  }
  const Talk<Reply> greeting = ReadReply();
  if (!greeting) return tl::unexpected(greeting.error());
  if (greeting->code != 220) return Refused(Step::kGreeting, *greeting);
  return {};
}

Talk<void> Conversation::Greet() {
  offers_.clear();
  Talk<Reply> reply = Ask("EHLO " + request_.hello);
  if (!reply) return tl::unexpected(reply.error());
  if (reply->code / 100 == 5 && request_.security == MailSecurity::kPlain) {
    reply = Ask("HELO " + request_.hello);  // a server of the last century
    if (!reply) return tl::unexpected(reply.error());
  }
  if (reply->code / 100 != 2) return Refused(Step::kHello, *reply);
  for (std::size_t i = 1; i < reply->lines.size(); ++i) {
    const std::string& line = reply->lines[i];
    const std::size_t end = std::min(line.find_first_of(" ="), line.size());
    std::string rest = end < line.size() ? base::Lower(line.substr(end + 1)) : "";
    offers_.emplace(base::Lower(line.substr(0, end)), std::move(rest));
  }
  return {};
}

Talk<void> Conversation::Secure() {
  if (request_.security != MailSecurity::kStartTls) return {};
  if (!offers_.contains("starttls")) {
    return Broken(Reason::kTls, peer_ + ": the server does not offer STARTTLS");
  }
  const Talk<Reply> ready = Demand(Step::kStartTls, 2, "STARTTLS");
  if (!ready) return tl::unexpected(ready.error());
  if (!buffer_.empty()) {
    // Sent by somebody in between, to be taken for the encrypted server's words (CVE-2011-0411).
    return Broken(Reason::kProtocol, peer_ + ": text came before the TLS handshake");
  }
  if (Talk<void> secured = StartTls(); !secured) return secured;
  return Greet();  // what was offered in the clear does not count
}

bool Conversation::IsLocal() const {
  const std::string address = socket_->remote_address();
  return address.starts_with("127.") || address.starts_with("[::1]");
}

Talk<void> Conversation::LogIn() {
  const auto offer = offers_.find("auth");
  if (request_.username.empty() || offer == offers_.end()) return {};
  const std::vector<std::string_view> offered = base::Split(offer->second, ' ');
  const auto has = [&](std::string_view mechanism) {
    return std::find(offered.begin(), offered.end(), mechanism) != offered.end();
  };
  const bool open = encrypted_ || IsLocal();
  if (open && has("plain")) return LogInBy("PLAIN");
  if (open && has("login")) return LogInBy("LOGIN");
  if (has("cram-md5")) return LogInBy("CRAM-MD5");
  if (!open && (has("plain") || has("login"))) {
    return Broken(Reason::kConfig,
                  peer_ + ": the password is not sent over an unencrypted connection");
  }
  return Broken(Reason::kAuth, peer_ + ": the server offers none of PLAIN, LOGIN and CRAM-MD5");
}

Talk<void> Conversation::LogInBy(const std::string& mechanism) {
  const std::string& password = request_.password.Reveal();
  std::vector<std::string> words;
  std::string command = "AUTH " + mechanism;
  if (mechanism == "PLAIN") {
    const std::string nul(1, '\0');
    command += " " + EncodeBase64(request_.identity + nul + request_.username + nul + password);
  } else if (mechanism == "LOGIN") {
    words = {EncodeBase64(request_.username), EncodeBase64(password)};
  } else {
    words = {""};  // depends on the challenge
  }
  Talk<Reply> reply = Ask(command);
  for (std::size_t i = 0; reply && reply->code == 334 && i < words.size(); ++i) {
    if (mechanism == "CRAM-MD5") {
      const std::optional<std::string> challenge = DecodeBase64(reply->lines.front());
      if (!challenge) return Broken(Reason::kProtocol, peer_ + ": a bad CRAM-MD5 challenge");
      words[i] = EncodeBase64(request_.username + " " + HmacMd5Hex(password, *challenge));
    }
    reply = Ask(words[i]);
  }
  if (!reply) return tl::unexpected(reply.error());
  if (reply->code != 235) return Refused(Step::kLogin, *reply);
  return {};
}

Talk<void> Conversation::Address(std::vector<std::string>& refused_recipients) {
  std::string sender = "MAIL FROM:<" + request_.sender + ">";
  if (offers_.contains("size")) sender += " SIZE=" + std::to_string(request_.message.size());
  const Talk<Reply> from = Demand(Step::kSender, 2, sender);
  if (!from) return tl::unexpected(from.error());
  std::optional<Reply> refusal;
  std::size_t accepted = 0;
  for (const std::string& recipient : request_.recipients) {
    const Talk<Reply> reply = Ask("RCPT TO:<" + recipient + ">");
    if (!reply) return tl::unexpected(reply.error());
    if (reply->code / 100 == 2) {
      ++accepted;
      continue;
    }
    refused_recipients.push_back(recipient + ": " + std::to_string(reply->code) + " " +
                                 OneLine(reply->lines));
    // Of several, one that may be taken later counts.
    if (!refusal || reply->code < refusal->code) refusal = *reply;
  }
  if (accepted == 0 && refusal) return Refused(Step::kRecipient, *refusal);
  return {};
}

Talk<void> Conversation::Send() {
  const Talk<Reply> ready = Demand(Step::kMessage, 3, "DATA");
  if (!ready) return tl::unexpected(ready.error());
  const NetResult<void> sent = socket_->WriteAll(Stuff(request_.message), deadline_, stop_);
  if (!sent) return Broken(sent.error());
  const Talk<Reply> taken = ReadReply();
  if (!taken) return tl::unexpected(taken.error());
  if (taken->code / 100 != 2) return Refused(Step::kMessage, *taken);
  return {};
}

// Said for the server's log; nobody waits for the answer.
void Conversation::Quit() {
  static_cast<void>(socket_->WriteAll("QUIT\r\n", base::Deadline::After(kQuitTime), stop_));
}

Talk<void> Conversation::Run(std::vector<std::string>& refused_recipients) {
  Talk<void> done = Connect();
  if (done) done = Greet();
  if (done) done = Secure();
  if (done) done = LogIn();
  if (done) done = Address(refused_recipients);
  if (done) done = Send();
  if (done || done.error().refusal) Quit();
  return done;
}

std::optional<NetError> Check(const MailRequest& request) {
  if (request.server.host.empty() || request.server.port == 0) {
    return NetError{Reason::kConfig, "the mail server needs a host and a port"};
  }
  if (!FitsInCommand(request.hello)) {
    return NetError{Reason::kConfig, "bad name for EHLO " + base::Quote(request.hello)};
  }
  if (request.recipients.empty()) return NetError{Reason::kConfig, "there are no recipients"};
  for (const std::string& recipient : request.recipients) {
    if (!FitsInCommand(recipient)) {
      return NetError{Reason::kConfig, "bad address " + base::Quote(recipient)};
    }
  }
  if (!FitsInCommand(request.sender)) {
    return NetError{Reason::kConfig, "bad address " + base::Quote(request.sender)};
  }
  return std::nullopt;
}

}  // namespace

std::string_view MailStepName(Step step) {
  switch (step) {
    case Step::kGreeting:
      return "greeting";
    case Step::kHello:
      return "EHLO";
    case Step::kStartTls:
      return "STARTTLS";
    case Step::kLogin:
      return "AUTH";
    case Step::kSender:
      return "MAIL FROM";
    case Step::kRecipient:
      return "RCPT TO";
    case Step::kMessage:
      return "DATA";
  }
  return "DATA";
}

MailOutcome SendMail(const MailRequest& request, base::Deadline deadline,
                     const base::StopToken& stop) {
  MailOutcome outcome;
  outcome.error = Check(request);
  if (outcome.error) return outcome;
  Talk<void> done = Conversation(request, deadline, stop).Run(outcome.refused_recipients);
  if (done) return outcome;
  outcome.error = std::move(done.error().error);
  outcome.refusal = std::move(done.error().refusal);
  return outcome;
}

}  // namespace drwatch::net
