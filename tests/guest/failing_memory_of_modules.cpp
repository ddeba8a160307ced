// SPDX-License-Identifier: MIT
//
// The places at which the loading of a module can fail for lack of memory, one at a time: it is
// loaded or it is not, and then it can be. See failing_memory.cpp.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "support/device.hpp"
#include "support/fail_nth.hpp"
#include "support/kernel.hpp"
#include "support/module.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

/// As tests/guest/run has loaded them: one that needs another comes after it.
const std::vector<std::string> modules_in_order{"statchan", "statchan_synth", "statchan_netdev"};

/// Who used it a moment ago, a namespace that ends, may still be at it.
bool goes(const std::string& module) {
    return eventually([&] { return remove_module(module) == 0; });
}

/// As long as this lives a module is not there, nor what needs it. Then all are, whatever was done
/// meanwhile.
class WithoutModule {
  public:
    explicit WithoutModule(const std::string& module) {
        for (auto it = modules_in_order.rbegin(); it != modules_in_order.rend(); ++it) {
            if (*it == module || module == modules_in_order.front()) {
                EXPECT_TRUE(goes(*it)) << *it;
            }
        }
    }
    WithoutModule(const WithoutModule&) = delete;
    WithoutModule& operator=(const WithoutModule&) = delete;
    ~WithoutModule() {
        for (const auto& name : modules_in_order) {
            if (module_users(name) < 0) {
                EXPECT_EQ(load_module(name), 0) << name;
            }
        }
    }
};

/// A module's file, open: so that in its load there is nothing but the load.
class ModuleFile {
  public:
    explicit ModuleFile(const std::string& module) {
        const char* folder = std::getenv("STATCHAN_MODULES");  // exported by tests/guest/run
        const auto path = std::string{folder == nullptr ? "" : folder} + "/" + module + ".ko";
        file_ = Descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        EXPECT_GE(file_.get(), 0) << path;
    }
    [[nodiscard]] Refusal load() const {
        const auto done = ::syscall(SYS_finit_module, file_.get(), "", 0);
        return refusal_by(done == 0 ? 0 : errno);
    }

  private:
    Descriptor file_{-1};
};

/// What the kernel allocates from when a module's own code begins until it is loaded, by its trace:
/// so many places of a load are the last. Before them are hundreds of the loader's.
unsigned own_allocations(const ModuleFile& file) {
    const std::string tracing = "/sys/kernel/tracing/";
    const Descriptor marker{::open((tracing + "trace_marker").c_str(), O_WRONLY | O_CLOEXEC)};
    // No literal: the kernel copies only what is in memory already.
    const std::string end = "loaded";
    {
        const Setting begins{tracing + "events/initcall/initcall_start/enable", "1"};
        const Setting slab{tracing + "events/kmem/kmalloc/enable", "1"};
        const Setting cache{tracing + "events/kmem/kmem_cache_alloc/enable", "1"};
        const Setting pages{tracing + "events/kmem/mm_page_alloc/enable", "1"};
        const std::ofstream emptied{tracing + "trace"};
        EXPECT_TRUE(emptied.is_open());
        const auto refused = file.load();
        EXPECT_EQ(::write(marker.get(), end.data(), end.size()), static_cast<ssize_t>(end.size()));
        EXPECT_FALSE(refused) << refused->message();
    }
    const auto by_us = "-" + std::to_string(::gettid()) + " ";
    std::ifstream trace{tracing + "trace"};
    std::optional<unsigned> own;
    for (std::string line; std::getline(trace, line);) {
        if (line.find(by_us) == std::string::npos) continue;
        if (line.ends_with(": " + end)) return own.value_or(0);
        if (line.find(": initcall_start: ") != std::string::npos)
            own = 0;
        else if (own)
            ++*own;
    }
    ADD_FAILURE() << "the load is not in the trace";
    return 0;
}

/// A module that is loaded works.
void expect_module_works(const std::string& module) {
    if (module == modules_in_order.front()) {
        for (const auto* transport : {"ioctl", "netlink"})
            EXPECT_OK(statchan::Client::open({.transport = transport}));
        return;
    }
    auto client = open_client("ioctl");
    const auto* const source = module == "statchan_netdev" ? "lo" : "sw0";
    EXPECT_OK(client.add_source(source, module.substr(module.find('_') + 1)));
    EXPECT_OK(client.remove_source(source));
}

/// Nothing is there of a module that is not.
void expect_module_gone(const std::string& module) {
    const auto& core = modules_in_order.front();
    EXPECT_EQ(module_users(module), -1);
    EXPECT_TRUE(kernel_areas().empty()) << testing::PrintToString(kernel_areas());
    if (module != core) {
        const auto others = static_cast<int>(modules_in_order.size()) - 2;
        EXPECT_TRUE(eventually([&] { return module_users(core) == others; }))
            << module_users(core) << " users of the core, which " << others << " others need";
        return;
    }
    for (const auto* path :
         {"/dev/statchan", "/sys/kernel/debug/statchan", "/proc/net/" STATCHAN_PROC_DIR})
        EXPECT_FALSE(std::filesystem::exists(path)) << path;
}

}  // namespace

class FailingMemoryOfModules : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, FailingMemoryOfModules, testing::ValuesIn(modules_in_order),
                         parameter_name);

// The module is loaded or is not, it can go if it is, and then it can be loaded.
TEST_P(FailingMemoryOfModules, Loading) {
    const auto& module = GetParam();
    const WithoutModule without{module};
    const ModuleFile file{module};
    ASSERT_FALSE(HasFailure());
    expect_module_gone(module);
    const auto own = own_allocations(file);
    EXPECT_TRUE(goes(module));
    ASSERT_GT(own, 0U);
    const auto refused_or_not = [&] {
        if (module_users(module) >= 0) {
            expect_module_works(module);
            EXPECT_TRUE(goes(module));
        }
        expect_module_gone(module);
        const auto refused = file.load();
        ASSERT_FALSE(refused) << "after the fault: " << refused->message();
        expect_module_works(module);
        EXPECT_TRUE(goes(module));
        expect_module_gone(module);
    };
    // A few of the loader's, too: what the debug kernel itself allocates varies.
    const auto counts =
        fail_every_place("load " + module, {.attempt = [&] { return file.load(); },
                                            .after = refused_or_not,
                                            .errors = {std::errc::not_enough_memory},
                                            .tries = 100,
                                            .last = own + 8});
    report_faults("load " + module, "", counts);
    // Some of them are what it can do without; of a kind of source all may be. If all of the core's
    // were, these are not its own.
    if (module == modules_in_order.front() && counts.failed >= 50) {
        EXPECT_GT(counts.refused, 0U);
    }
}
