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
// What was cut, told by the name of the first piece: "shop.dump" of "shop.dump.aa", "shop.tar" of
// "shop.tar.part00". nullopt: it is none.
std::optional<std::string> WholeName(std::string_view first);
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
// Opens a piece by its name; kNotFound says that there is none.
using OpenPiece = std::function<Walked<OpenedFile>(const std::string& name)>;
// Of the pieces from `first` on as one file, `relative` in `checksums`, as VerifyFile(). nullopt:
// there are not two of them, or they cannot be opened.
std::optional<PiecesVerdict> JudgePieces(const std::string& first, const std::string& relative,
                                         const Checksums& checksums, const OpenPiece& open,
                                         ReadBudget& budget);
// `alone` is the verdict on the first piece by itself, `of_whole` what checksum files say of
// WholeName(), as relative as `relative`. What is broken alone, but is what a checksum file says of
// it, is judged with the pieces behind it, if there are any, and is intact if all of them together
// are. Where `of_whole` says something, so is what nobody can tell alone, and what they are
// together is the verdict whatever it is.
PiecesVerdict JudgeWithPieces(Verdict alone, const std::string& name, const std::string& relative,
                              const Checksums& of_whole, const OpenPiece& open, ReadBudget& budget);

}  // namespace drwatch::verify
