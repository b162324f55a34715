// Hands one message to a mail server (RFC 5321), with a deadline: STARTTLS or TLS from the start,
// PLAIN, LOGIN and CRAM-MD5. Used by delivery.
//
// Its own client over Socket rather than libcurl's: that one waits for the answer to QUIT outside
// of any deadline, and does not tell which of several recipients were refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/stop.h"
#include "net/address.h"
#include "net/net_error.h"
#include "net/tls_options.h"

namespace drwatch::net {

enum class MailSecurity {
  kPlain,        // no TLS, even where the server offers it
  kStartTls,     // the server must offer STARTTLS
  kImplicitTls,  // TLS from the first byte (port 465)
};

struct MailRequest {
  Endpoint server;
  MailSecurity security = MailSecurity::kStartTls;
  TlsOptions tls;
  std::string hello;     // what this machine calls itself
  std::string username;  // empty = no login; nor is there one where the server offers none
  base::Secret password;
  std::string identity;  // on whose behalf, for PLAIN; usually empty
  // Bare addresses, without <>.
  std::string sender;
  std::vector<std::string> recipients;
  std::string message;  // header and body; any line break becomes CR LF
};

// A reply that ended the conversation before the message was taken.
struct MailRefusal {
  enum class Step { kGreeting, kHello, kStartTls, kLogin, kSender, kRecipient, kMessage };
  Step step = Step::kGreeting;
  int code = 0;      // 400-599; anything else is no proper answer at that place
  std::string text;  // of the reply, on one line
};
// "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL FROM", "RCPT TO", "DATA".
std::string_view MailStepName(MailRefusal::Step step);

// Taken if there is neither an error nor a refusal.
struct MailOutcome {
  std::optional<NetError> error;
  std::optional<MailRefusal> refusal;
  // Recipients the server refused although it took the message for others: "bob@example.com: 550
  // no such user".
  std::vector<std::string> refused_recipients;
  bool taken() const { return !error && !refusal; }
};

// Blocks until the server answered to the whole message, an error, the deadline or a stop
// (kTimeout, "stopped"). Any thread. A password goes over an unencrypted connection only to this
// machine, unless CRAM-MD5 hides it. Errors: kConfig (an address or a name that cannot stand in a
// command, a file, a password that would go in the clear), kDns, kConnectionRefused,
// kConnectionReset, kTimeout, kTls (also: no STARTTLS), kCertificateExpired, kProtocol, kAuth (no
// way to log in in common).
MailOutcome SendMail(const MailRequest& request, base::Deadline deadline,
                     const base::StopToken& stop);

}  // namespace drwatch::net
