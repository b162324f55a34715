// Files that are not backups although they carry a backup's name, and files that keep their content
// to themselves.
#pragma once

#include <string_view>

namespace drwatch::verify {

// Bytes the recognisers below want to see.
inline constexpr std::size_t kHeadBytes = 1024;

// Error documents and messages are short; a long XML or JSON file is data. HTML may have any
// length.
inline constexpr std::size_t kMaxErrorBodyBytes = 16 << 10;
enum class BodySize { kSmall, kLarge };

// "an HTML page", "an XML error document", "a JSON error document", "an error message": what a
// failed download or a failed command left in place of a backup. Empty if it is none of those.
std::string_view RecogniseErrorBody(std::string_view head, BodySize size);

// "age", "OpenSSL", "OpenPGP" ...: the program that encrypted it. Empty if it does not look
// encrypted.
std::string_view RecogniseEncryption(std::string_view head);

// "lzop", "zip" ...: the program that packed it in a way that is not read here. Empty if it is not
// known.
std::string_view RecognisePacker(std::string_view head);

// True if `content`, a whole file that RecogniseEncryption() knows, is the encryption of nothing
// (of OpenSSL: of fewer than 16 bytes). What more a public key's packets hold is not told.
bool IsEncryptedNothing(std::string_view content);

// True for files of other programs, whose names are those of another format by chance: databases of
// R's packages (.rdb), and what update-alternatives keeps under the name of a packed manual page.
bool IsNamedByChance(std::string_view head);

}  // namespace drwatch::verify
