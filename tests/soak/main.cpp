// SPDX-License-Identifier: MIT
//
// statchan_soak: everything at once, for a long time, and the books at the end. See scripts/soak.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include "director.hpp"
#include "kernel_state.hpp"
#include "report.hpp"
#include "session.hpp"

namespace {

using namespace soak;

volatile std::sig_atomic_t interrupted = 0;

struct Options {
    double seconds = 600;
    std::uint64_t seed = std::random_device{}();
    std::size_t workers = 8;
    bool progress = ::isatty(STDERR_FILENO) != 0;
    bool stop_on_input = false;  // a line on standard input, or its end, is as good as Ctrl-C
};

[[noreturn]] void usage() {
    std::fprintf(
        stderr,
        "usage: statchan_soak [--seconds S] [--seed N] [--workers N] [--transport T] [--progress] "
        "[--stop-on-input]\n");
    std::exit(2);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--progress")
            options.progress = true;
        else if (name == "--stop-on-input")
            options.stop_on_input = true;
        else if (i + 1 == argc)
            usage();
        else if (name == "--seconds")
            options.seconds = std::atof(argv[++i]);
        else if (name == "--seed")
            options.seed = std::strtoull(argv[++i], nullptr, 0);
        else if (name == "--transport")
            only_transport = argv[++i];
        else if (name == "--workers")
            options.workers = std::strtoull(argv[++i], nullptr, 0);
        else
            usage();
    }
    if (options.seconds <= 0 || options.workers == 0 || options.workers > max_workers) usage();
    return options;
}

class Soak {
  public:
    explicit Soak(const Options& options)
        : options_{options},
          board_{Board::make()},
          director_{board_, options.seed, options.workers} {}

    int run() {
        // The first round is for caches, which grow until they have seen everything once.
        const auto warm_up = std::clamp(options_.seconds / 5, 1.0, 15.0);
        bool good = round(warm_up);
        const auto before = KernelState::at_rest();
        if (good && !enough()) good = round(options_.seconds - std::min(warm_up, options_.seconds));
        const auto after = KernelState::at_rest();
        if (options_.progress) std::fputc('\n', stderr);
        const auto tally = sum();
        print_report(tally, before, after);
        return conclude(good, tally, kept(before, after));
    }

  private:
    bool round(double seconds) {
        return director_.run(
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{seconds}),
            [this] { return enough(); });
    }

    [[nodiscard]] Tally sum() const {
        auto tally = board_.sum();
        tally += director_.tally();
        return tally;
    }

    bool enough() {
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        if (options_.stop_on_input && ::poll(&input, 1, 0) > 0) interrupted = 1;
        if (options_.progress && Clock::now() >= told_ + 2s) {
            told_ = Clock::now();
            print_progress(sum(), std::chrono::duration<double>(told_ - begin_).count());
        }
        return interrupted != 0;
    }

    static std::string kept(const KernelState& before, const KernelState& after) {
        std::string text;
        for (const auto& row : compare(before, after))
            if (row.too_much)
                text += std::string{text.empty() ? " the kernel kept something: " : ", "} +
                        row.what + ' ' + std::to_string(row.before) + " -> " +
                        std::to_string(row.after);
        return text;
    }

    // Of a run that was cut short or is very short, not every kind of operation need be there.
    int conclude(bool good, const Tally& tally, const std::string& kept) const {
        const bool something = tally[Op::closed] != 0 && tally.delivered != 0;
        const auto* end = interrupted != 0 ? ", ended early" : "";
        const auto seed = static_cast<unsigned long long>(options_.seed);
        if (good && kept.empty() && something && tally.difference() == 0) {
            std::printf("\nsoak: all is right (seed %llu%s)\n", seed, end);
            return 0;
        }
        std::printf("\nsoak: FAILED (seed %llu%s):%s%s%s%s\n", seed, end,
                    good ? "" : " a worker found a fault", something ? "" : " nothing was read",
                    tally.difference() == 0 ? "" : " the books do not close", kept.c_str());
        return 1;
    }

    Options options_;
    Board& board_;
    Director director_;
    Clock::time_point begin_ = Clock::now();
    Clock::time_point told_ = begin_;
};

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    std::signal(SIGINT, [](int) { interrupted = 1; });
    std::signal(SIGTERM, [](int) { interrupted = 1; });
    try {
        return Soak{options}.run();
    } catch (const std::exception& fault) {
        std::fprintf(stderr, "soak: %s\n", fault.what());
        return 1;
    }
}
