-- LazyVim's downloads at the first start are off: the image's plugins are pinned, and the first start shows an
-- editor at once. ':Mason' and ':TSInstall' install more.
return {
  { "mason-org/mason.nvim", opts = function(_, opts) opts.ensure_installed = {} end },
  { "nvim-treesitter/nvim-treesitter", opts = function(_, opts) opts.ensure_installed = {} end },
  { "neovim/nvim-lspconfig", opts = { servers = { lua_ls = { enabled = false } } } },
  { "saghen/blink.cmp", opts = { fuzzy = { implementation = "lua" } } },
}
