module kua/lab

go 1.26.0
