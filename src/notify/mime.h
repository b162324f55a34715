// The pieces of a mail message: header lines and bodies that arrive as they were meant (RFC 5322,
// 2045, 2047). Pure. Whatever the texts hold, no line is longer than 78 characters and none of them
// begins a header or a part of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/mail_address.h"

namespace drwatch::notify {

// "Subject: text" with its line end: control characters become blanks, what is not ASCII is
// encoded, long text is folded.
std::string HeaderLine(std::string_view name, std::string_view text);
// "To: a@example.com, Jane Roe <jane@example.com>".
std::string AddressLine(std::string_view name, const std::vector<config::MailAddress>& addresses);
// "Sat, 21 Nov 2026 10:56:49 +0000".
std::string MailDate(base::Timestamp time);
// Lines of at most 76 characters that end in CR LF.
std::string QuotedPrintable(std::string_view text);
// A body of one text, or of the same in two forms, with the header lines that describe it and the
// empty line before it. `boundary` begins with "=_", which no such
// body holds; an empty `html` means there is none.
std::string MailBody(std::string_view text, std::string_view html, const std::string& boundary);

}  // namespace drwatch::notify
