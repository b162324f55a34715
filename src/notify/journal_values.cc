#include "notify/journal_values.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace drwatch::notify {

using Json = nlohmann::json;

std::string EncodeLabels(const model::Labels& labels) {
  std::string text;
  const auto add = [&](std::string_view part) {
    text += std::to_string(part.size()) + ":";
    text += part;
  };
  for (const model::LabelView label : labels) {
    add(label.name);
    add(label.value);
  }
  return text;
}

model::Labels DecodeLabels(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const auto size = base::ParseInt(text.substr(0, colon));
    if (colon == std::string_view::npos || !size || *size < 0) break;
    text.remove_prefix(colon + 1);
    if (static_cast<std::size_t>(*size) > text.size()) break;
    parts.emplace_back(text.substr(0, static_cast<std::size_t>(*size)));
    text.remove_prefix(static_cast<std::size_t>(*size));
  }
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    pairs.emplace_back(std::move(parts[i]), std::move(parts[i + 1]));
  }
  return model::Labels(std::move(pairs));
}

std::string EncodeIds(const IdSet& ids) {
  std::string text;
  for (const AlertId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

IdSet DecodeIds(std::string_view text) {
  IdSet ids;
  for (const std::string_view part : base::Split(text, ',')) {
    if (const auto id = base::ParseInt(part)) ids.insert(*id);
  }
  return ids;
}

std::string EncodeMatchers(const std::vector<model::Matcher>& matchers) {
  Json json = Json::array();
  for (const model::Matcher& matcher : matchers) {
    json.push_back({model::MatchOperator(matcher.type()), matcher.name(), matcher.value()});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<model::Matcher> DecodeMatchers(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  std::vector<model::Matcher> matchers;
  if (!json.is_array()) return {};
  for (const Json& item : json) {
    const bool strings = item.is_array() && item.size() == 3 && item[0].is_string() &&
                         item[1].is_string() && item[2].is_string();
    if (!strings) return {};
    constexpr std::array kTypes = {model::MatchType::kEqual, model::MatchType::kNotEqual,
                                   model::MatchType::kRegex, model::MatchType::kNotRegex};
    const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](model::MatchType candidate) {
      return model::MatchOperator(candidate) == item[0].get<std::string>();
    });
    if (type == kTypes.end()) return {};
    base::Result<model::Matcher> matcher =
        model::Matcher::Make(*type, item[1].get<std::string>(), item[2].get<std::string>());
    if (!matcher) return {};
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

}  // namespace drwatch::notify
