#include "catalog/pgbackrest_texts.h"

#include <utility>

#include "base/strings.h"

namespace drwatch::catalog {

using model::Reason;
using verify::Walked;

namespace {

constexpr const char* kManifest = "/backup.manifest";
constexpr const char* kCopy = ".copy";

void Ignore(verify::PgBackRestFile& /*file*/) {}

}  // namespace

Walked<std::unique_ptr<ManifestStream>> ManifestStream::Open(Place& place,
                                                             const std::string& object,
                                                             verify::ReadBudget& budget) {
  auto source = place.Open(object, budget, nullptr);
  if (!source) return tl::unexpected(std::move(source.error()));
  return std::unique_ptr<ManifestStream>(new ManifestStream(std::move(*source)));
}

Walked<PgBackRestTexts::Text> PgBackRestTexts::ReadOne(const std::string& object,
                                                       const TakeFile& take, std::string& sha1) {
  verify::DigestTee tee;
  tee.Add(base::DigestAlgorithm::kSha1, nullptr);
  auto source = place_.Open(object, budget_, &tee);
  if (!source) return tl::unexpected(std::move(source.error()));
  verify::Reader reader(**source);
  auto manifest = verify::ReadPgBackRestManifest(reader, take);
  if (!manifest) return tl::unexpected(std::move(manifest.error()));
  sha1 = tee.Finish().front();
  return Text{std::move(*manifest), object};
}

// Of a copy with other bytes than the manifest it is told what is wrong with them.
void PgBackRestTexts::CompareCopy(const std::string& object, const std::string& sha1,
                                  std::vector<std::string>& details) {
  verify::DigestTee tee;
  tee.Add(base::DigestAlgorithm::kSha1, nullptr);
  auto source = place_.Open(object, budget_, &tee);
  const auto read = source ? verify::Drain(**source) : Walked<std::int64_t>(0);
  if (source && read && tee.Finish().front() == sha1) return;
  std::string copy_sha1;
  const auto copy = ReadOne(object, Ignore, copy_sha1);
  details.push_back(copy ? "backup.manifest.copy is not the same as backup.manifest"
                         : "backup.manifest.copy: " + copy.error().message);
}

Walked<PgBackRestTexts::Text> PgBackRestTexts::Read(const std::string& label, const Begin& begin,
                                                    std::vector<std::string>* details) {
  const std::string object = stanza_ + label + kManifest;
  std::string sha1;
  auto text = ReadOne(object, begin(), sha1);
  if (text && details != nullptr) CompareCopy(object + kCopy, sha1, *details);
  if (!text && budget_.Check()) {
    auto copy = ReadOne(object + kCopy, begin(), sha1);
    if (!copy) return text;
    if (details != nullptr) {
      details->push_back("backup.manifest: " + text.error().message + "; its copy is whole");
    }
    text = std::move(copy);
  }
  if (text && text->manifest.label != label) {
    return verify::Broken(
        Reason::kCorrupt, 0,
        "it is the manifest of " + base::Quote(base::Truncate(text->manifest.label, 200)));
  }
  return text;
}

}  // namespace drwatch::catalog
