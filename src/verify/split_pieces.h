// Files that were cut into pieces to be stored: what split(1) leaves, "shop.dump.aa",
// "shop.dump.ab" ..., or numbered from 0 or 1 on, "shop.tar.00", "shop.tar.001". No dates are such
// numbers: "shop.2026.12.01", "shop-20261201".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/checksums.h"
#include "verify/file_set.h"

namespace drwatch::verify {

// Where a piece stands among the others, told by its name.
struct PieceName {
  std::string_view stem;    // "shop.dump.", what all of them begin with
  std::string_view number;  // "aa", "001": two letters or digits, or more
  bool digits() const { return number.front() <= '9'; }
  bool first() const;
  int Number() const;  // "aa" is 0
};
// nullopt: no piece has such a name. Views into it.
std::optional<PieceName> ParsePieceName(std::string_view name);
// Of the piece behind; nullopt if there can be none.
std::optional<std::string> NextPieceName(std::string_view name);

// "in 3 pieces": the detail by which a verdict on all of them together is known.
std::string TellPieces(std::size_t count);

// Whether a file that begins like that (kHeadBytes, recognise.h) is one of its own rather than a
// piece of what begins with `first`.
bool BeginsAnew(std::string_view first, std::string_view head);

struct PiecesVerdict {
  Verdict verdict;
  std::vector<std::string> others;  // the pieces behind the first that it is about, by name
};
// `alone` is the verdict on the first piece by itself; `open` opens a piece by its name, kNotFound
// says that there is none. What is broken alone, but is what a checksum file says of it, is judged
// with the pieces behind it, if there are any, and is intact if all of them together are.
// `relative` as VerifyFile().
using OpenPiece = std::function<Walked<OpenedFile>(const std::string& name)>;
PiecesVerdict JudgeWithPieces(Verdict alone, const std::string& name, const std::string& relative,
                              const OpenPiece& open, ReadBudget& budget);

}  // namespace drwatch::verify
