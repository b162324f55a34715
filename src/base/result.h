// Errors travel as values. `Result<T>` is either a T or an `Error` that a person can act on.
//
// A target's bad state (a database that is down, a corrupt backup) is data and never an Error;
// Error is for operations of the program itself that did not work: a file it could not read, a
// config it cannot accept. Broken invariants abort.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace drwatch::base {

// Message style: lower case, values quoted, the cause last. `hint` tells the operator what to do
// and may be empty.
struct Error {
  std::string message;
  std::string hint;

  // The message, followed by "\nhint: ..." where there is one.
  std::string ToString() const { return hint.empty() ? message : message + "\nhint: " + hint; }
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

// return base::Fail("cannot open \"x\": no such file", "create it or fix storage.path");
inline tl::unexpected<Error> Fail(std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{std::move(message), std::move(hint)});
}
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// Puts context before a message that comes from below: Wrap("reading state", error) -> "reading
// state: ...".
inline tl::unexpected<Error> Wrap(const std::string& context, Error error) {
  error.message = context + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace drwatch::base
