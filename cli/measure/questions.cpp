// SPDX-License-Identifier: MIT
#include "measure/questions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "measure/spread.hpp"
#include "measure/words.hpp"
#include "units.hpp"

namespace statctl::measure {

namespace {

std::string worse(const Entry& best, const Entry& other) {
    const auto a = best.value.median();
    const auto b = other.value.median();
    if (a == 0 || b == 0) return {};
    const auto factor = a < b ? b / a : a / b;
    if (factor < 1.5) return fmt::format(", {} worse", percent_words(factor - 1));
    return fmt::format(", {} times worse", factor_words(factor));
}

// Everybody who has a place is within the noise of the best.
bool undecided(const Ranking& ranking) {
    return ranking.entries.size() > 1 && ranking.equal.size() == ranking.entries.size();
}

std::string equals_words(const Ranking& ranking, const Question& question) {
    double low = ranking.entries.front().value.median();
    double high = low;
    for (const auto& entry : ranking.entries) {
        if (!ranking.is_equal(entry.transport)) continue;
        low = std::min(low, entry.value.median());
        high = std::max(high, entry.value.median());
    }
    auto values = question.format(low);
    if (question.format(high) != values) values += " to " + question.format(high);
    if (ranking.noise != 0) values += fmt::format(", ±{}", percent_words(ranking.noise));
    if (undecided(ranking)) return fmt::format("no difference beyond the noise ({})", values);
    return fmt::format(
        "{} {} ({})", list_words(ranking.equal),
        ranking.noise < hopeless_noise ? "are equal within the noise" : "can not be told apart",
        values);
}

std::string followers_words(const Ranking& ranking, const Question& question) {
    const auto* next = ranking.next();
    const auto* last = ranking.last();
    const auto& best = ranking.entries.front();
    if (next == nullptr) return {};
    auto text = fmt::format("; then {} with {}{}", next->transport,
                            question.format(next->value.median()), worse(best, *next));
    if (last != nullptr && last != next)
        text += fmt::format("; last {} with {}{}", last->transport,
                            question.format(last->value.median()), worse(best, *last));
    return text;
}

std::string unplaced_words(const Ranking& ranking) {
    std::vector<std::string> names;
    double most = 0;
    for (const auto& entry : ranking.unplaced) {
        names.push_back(entry.transport);
        most = std::max(most, noise(entry.value));
    }
    if (names.empty()) return {};
    return fmt::format("; no place for {}, whose processes differ by ±{}", list_words(names),
                       percent_words(most));
}

// Neighbours among the loads with the same answer.
struct Stretch {
    std::string first, last;
    std::vector<std::string> best;  // none: no difference
};

std::string stretch_words(const Stretch& stretch) {
    auto who = list_words(stretch.best, " or ");
    if (who.empty()) who = "no difference";
    if (stretch.first == stretch.last) return fmt::format("{} at {}", who, stretch.first);
    return fmt::format("{} from {} to {}", who, stretch.first, stretch.last);
}

}  // namespace

void judge(std::vector<Finding>& findings, const Question& question, const Points& points) {
    const auto ranking = rank(points, question.value, question.less_is_better);
    if (ranking.entries.empty()) return;
    const auto& best = ranking.entries.front();
    const bool race = ranking.entries.size() + ranking.unplaced.size() > 1;
    auto who = fmt::format("{} with {}", best.transport, question.format(best.value.median()));
    if (!race)
        who = "only " + who + " was measured";
    else if (ranking.equal.size() > 1)
        who = equals_words(ranking, question);
    who += followers_words(ranking, question) + unplaced_words(ranking);
    findings.push_back({question.chart, question.topic,
                        race && !undecided(ranking) ? ranking.equal : std::vector<std::string>{},
                        fmt::format("{}: {}.", question.text, who), race});
}

void overview(std::vector<Finding>& findings, const Question& question,
              const std::vector<Group>& groups) {
    std::vector<Stretch> stretches;
    for (const auto& group : groups) {
        auto ranking = rank(group.points, question.value, question.less_is_better);
        if (ranking.entries.size() + ranking.unplaced.size() < 2) continue;
        if (undecided(ranking)) ranking.equal.clear();
        std::sort(ranking.equal.begin(), ranking.equal.end());
        if (stretches.empty() || stretches.back().best != ranking.equal)
            stretches.push_back({group.name, group.name, ranking.equal});
        else
            stretches.back().last = group.name;
    }
    if (stretches.empty()) return;
    std::string text;
    for (const auto& stretch : stretches)
        text += (text.empty() ? "" : "; ") + stretch_words(stretch);
    auto best = stretches.size() == 1 ? stretches[0].best : std::vector<std::string>{};
    findings.push_back(
        {question.chart, {}, std::move(best), fmt::format("{}: {}.", question.text, text)});
}

std::vector<Group> by_bytes(const Points& points) {
    std::map<std::uint64_t, Points> sizes;
    for (const auto* point : points) sizes[point->load().bytes()].push_back(point);
    std::vector<Group> groups;
    groups.reserve(sizes.size());
    for (auto& [bytes, members] : sizes) groups.push_back({format_size(bytes), std::move(members)});
    return groups;
}

}  // namespace statctl::measure
