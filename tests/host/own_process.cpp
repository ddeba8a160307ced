// SPDX-License-Identifier: MIT
#include "own_process.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "fd.hpp"

namespace {

using statchan::detail::Mapping;
using statchan::detail::own_process;

// Whether it holds in a forked child.
bool in_child(const std::function<bool()>& holds) {
    const auto child = ::fork();
    if (child == 0) ::_exit(holds() ? 0 : 1);
    int status = -1;
    return ::waitpid(child, &status, 0) == child && status == 0;
}

TEST(OwnProcess, IsAnotherInAForkedChildAndInItsChild) {
    const auto mine = own_process();
    ASSERT_NE(mine, 0U);
    EXPECT_EQ(own_process(), mine);
    EXPECT_TRUE(in_child([&] {
        const auto childs = own_process();
        return childs != 0 && childs != mine && childs == own_process() &&
               in_child([&] { return own_process() != mine && own_process() != childs; });
    }));
    EXPECT_EQ(own_process(), mine);
}

// What the parent mapped may not be there, and something of the child's own be in its place.
TEST(OwnProcess, ChildLetsMappingsOfItsParentAlone) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto map = [&](void* at, int flags) {
        return ::mmap(at, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    };
    void* const at = map(nullptr, 0);
    ASSERT_NE(at, MAP_FAILED);
    ASSERT_EQ(::madvise(at, page, MADV_DONTFORK), 0);
    {
        Mapping mapping{at, page};
        EXPECT_TRUE(in_child([&] {
            if (map(at, MAP_FIXED_NOREPLACE) != at) return false;
            { const Mapping inherited{std::move(mapping)}; }
            return ::msync(at, page, MS_ASYNC) == 0;  // fails where nothing is mapped
        }));
        EXPECT_EQ(::msync(at, page, MS_ASYNC), 0);
    }
    EXPECT_NE(::msync(at, page, MS_ASYNC), 0) << "the parent's goes";
}

}  // namespace
