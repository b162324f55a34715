// A page of metrics that is asked for again and again: the lines of each part (a probe's result)
// are written once, when the part arrives, and copied into every page until it changes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/exposition.h"
#include "model/metric_family.h"

namespace drwatch::model {

// Thread-safe. Holds the text of all parts, once.
class MetricsPage {
 public:
  // Takes `families` in place of what the part had.
  void Update(const std::string& part, const std::vector<MetricFamily>& families);
  void Remove(const std::string& part);

  // Families by name, those of `more` among them; the points of a family part by part, sorted by
  // labels within each, those of `more` last. Of parts that disagree about a family's type or help
  // the first that had it is right.
  std::string Write(const std::vector<MetricFamily>& more, TextFormat format) const;

  // A run of whole families of a page.
  struct Piece {
    std::string key;  // pieces of one MetricsPage with the same key are the same; "": like no other
    std::string text;
  };
  using Known = std::function<bool(const std::string& key)>;
  // The same page in pieces, without the text of those that are `known`: what the parts left as it
  // was need not be written again. Families of `more` stand in pieces without a key.
  std::vector<Piece> WritePieces(const std::vector<MetricFamily>& more, TextFormat format,
                                 const Known& known) const;

 private:
  using FamilyId = std::uint32_t;
  // The lines of one family in the text of a part.
  struct Block {
    FamilyId family = 0;
    std::uint32_t bytes = 0;
  };
  struct Part {
    std::string lines;
    std::vector<Block> blocks;
    std::vector<MetricFamily> timed;  // points with a time look different in each format
  };
  // What the parts say of one family.
  struct Family {
    MetricFamily metadata;      // without points
    std::size_t parts = 0;      // that have it
    std::size_t bytes = 0;      // of their lines
    std::uint64_t version = 0;  // another one whenever a line comes, goes or changes
  };
  struct Target;
  using Targets = std::map<std::string_view, Target>;

  std::size_t BytesOf(const std::string& part) const;
  FamilyId IdOf(const MetricFamily& family);
  void CountBlocks(const Part& before, const Part& now);
  Targets Lay(const std::vector<MetricFamily>& more, TextFormat format) const;
  char* Put(const Target& target, char* at, std::vector<char*>& places) const;
  void PutParts(std::vector<char*>& places) const;

  mutable std::mutex mutex_;
  std::map<std::string, Part, std::less<>> parts_;
  std::deque<Family> families_;  // by id; those of former parts remain
  std::unordered_map<std::string_view, FamilyId> ids_;
  std::uint64_t versions_ = 0;
};

}  // namespace drwatch::model
