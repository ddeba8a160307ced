// SPDX-License-Identifier: MIT
// Mistakes, one for each tool that scripts/lint has for C++.
#include <cstdlib>
#include <string>
#include <utility>

int  badly_spaced(){return 1;}

int beyond_the_end() {
    int numbers[2] = {1, 2};
    return numbers[2];
}

std::size_t after_move(std::string name) {
    const std::string taken = std::move(name);
    return taken.size() + name.size();
}

void freed_twice(void* memory) {
    std::free(memory);
    std::free(memory);
}
