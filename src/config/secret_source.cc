#include "config/secret_source.h"

#include "base/file.h"
#include "base/strings.h"

namespace drwatch::config {
namespace {

// Far above any token; a wrong path (a core file, a device) must not fill the memory.
constexpr std::int64_t kMaxSecretBytes = 64 << 10;

}  // namespace

base::Result<base::Secret> ReadSecret(const SecretSource& source) {
  if (source.file.empty()) return source.value;
  base::Result<std::string> text = base::ReadFile(source.file, kMaxSecretBytes);
  if (!text) {
    return base::Fail(text.error().message, "the user drwatch runs as must be able to read it");
  }
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (text->empty()) return base::Fail("secret file " + base::Quote(source.file) + " is empty");
  return base::Secret(std::move(*text));
}

}  // namespace drwatch::config
