// SPDX-License-Identifier: MIT
//
// A fuzzer of what user space can ask of the module: ioctl, generic netlink, read, write, mmap and
// what can be done to mappings, on all files that it makes. It keeps programs that reached
// something new in the modules (KCOV) and changes them. What is wrong the kernel itself tells:
// KASAN, lockdep, UBSAN, leaks. Runs as root in scripts/vm --kernel debug: scripts/fuzz-kernel.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "coverage.hpp"
#include "machine.hpp"
#include "program.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    unsigned seconds = 60;
    std::uint64_t seed = 1;
    std::string coverage = "coverage.txt";
    std::string last = "last-program.txt";
};

// Written before it runs: of a kernel that dies this remains.
void note(const fuzz::Program& program, const std::string& path) {
    std::ofstream file{path};
    file << fuzz::describe(program) << std::flush;
}

struct Tally {
    std::uint64_t programs = 0;
    std::uint64_t calls = 0;
};

void print(const Tally& tally, const fuzz::Reached& reached, std::size_t kept) {
    std::printf("%llu programs, %llu calls; %zu points reached, %zu programs kept\n",
                static_cast<unsigned long long>(tally.programs),
                static_cast<unsigned long long>(tally.calls), reached.points(), kept);
    std::fflush(stdout);
}

void fuzz_for(const Options& options) {
    fuzz::Chance chance{options.seed};
    fuzz::Trace trace;
    fuzz::Reached reached;
    std::vector<fuzz::Program> corpus{fuzz::random_program(chance)};
    Tally tally;
    const auto end = Clock::now() + std::chrono::seconds{options.seconds};
    auto next_line = Clock::now() + std::chrono::seconds{10};
    while (Clock::now() < end) {
        const auto program = chance.one_in(4)
                                 ? fuzz::random_program(chance)
                                 : fuzz::changed(chance.of(corpus), chance.of(corpus), chance);
        note(program, options.last);
        trace.start();
        {
            fuzz::Machine machine;
            if (chance.one_in(6))
                machine.run_twice(program);
            else
                machine.run(program);
        }
        if (reached.add(trace.stop())) corpus.push_back(program);
        fuzz::Machine::clean_up();
        ++tally.programs;
        tally.calls += program.size();
        if (Clock::now() >= next_line) {
            print(tally, reached, corpus.size());
            next_line += std::chrono::seconds{10};
        }
    }
    print(tally, reached, corpus.size());
    reached.write(options.coverage);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Fuzzes the statchan modules of the running kernel. As root, in the lab."};
    app.add_option("--seconds", options.seconds, "how long")->capture_default_str();
    app.add_option("--seed", options.seed, "of the choices")->capture_default_str();
    app.add_option("--coverage", options.coverage, "where to write the points reached")
        ->capture_default_str();
    app.add_option("--last", options.last, "where to write each program before it runs")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        fuzz::Machine::catch_signals();
        fuzz_for(options);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "statchan_fuzz_kernel: %s\n", e.what());
        return 1;
    }
    return 0;
}
