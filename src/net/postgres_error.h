// What PostgreSQL's and libpq's failures mean. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "net/net_error.h"

namespace drwatch::net {

// How far a login had come.
enum class PostgresStage { kConnecting, kTls, kStartup };

// A failed login. `text` is libpq's message, with SQLSTATE codes in it where the server sent an
// error (PQERRORS_VERBOSE), so that the classification works in every language.
NetError ClassifyPostgresLogin(std::string_view text, PostgresStage stage,
                               const base::Secret& password);

// A failed statement: its SQLSTATE and message.
NetError ClassifyPostgresStatement(std::string_view sqlstate, std::string_view message,
                                   const base::Secret& password);

// The five characters after a severity word ("FATAL:  28P01: ..."), "" if there are none.
std::string_view FindSqlState(std::string_view text);

// One line of at most 300 bytes of valid UTF-8, without the password and without where in the
// server's source it came from.
std::string CleanPostgresText(std::string_view text, const base::Secret& password);

}  // namespace drwatch::net
